/** What a certificate says, and whether a pair can be served. Only OpenSSL, through node:crypto, reads certificates. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { type CertificatePair, type ServiceNames, serverName } from "./profile.ts";

export interface CertificateFacts {
  /** Encoded anew: 64 columns, `\n`, nothing around it. */
  readonly pem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** `O=` and `CN=` of the subject; absent when it has none. */
  readonly organization: string | undefined;
  readonly commonName: string | undefined;
  /** SHA-256 of the DER, `AB:CD:…`. */
  readonly fingerprint: string;
  /** Hexadecimal, upper case; `-` in front of a negative one. */
  readonly serialNumber: string;
}

export interface ReadCertificates {
  readonly certificates: readonly CertificateFacts[];
  /** How many blocks began as a certificate and weren't one. */
  readonly unparsableCount: number;
}

const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/**
 * The certificates of a PEM text, in order. Tolerates CRLF, text around the blocks, blocks without a newline between
 * them, and broken blocks; never throws.
 */
export function readCertificates(pem: string): ReadCertificates {
  const blocks = pem.split(BEGIN).slice(1).map(parseBlock);
  const certificates = blocks.filter((certificate) => certificate !== undefined).map(describeCertificate);
  return { certificates, unparsableCount: blocks.length - certificates.length };
}

/** `text` is what follows BEGIN. */
function parseBlock(text: string): X509Certificate | undefined {
  const end = text.indexOf(END);
  if (end === -1) return undefined;
  const base64 = text.slice(0, end).replace(/\s+/g, "");
  return /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? parseCertificate(Buffer.from(base64, "base64")) : undefined;
}

function parseCertificate(source: string | Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(source);
  } catch {
    return undefined;
  }
}

function describeCertificate(certificate: X509Certificate): CertificateFacts {
  return {
    pem: certificate.toString(),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    organization: subjectAttribute(certificate, "O"),
    commonName: subjectAttribute(certificate, "CN"),
    fingerprint: certificate.fingerprint256,
    serialNumber: certificate.serialNumber,
  };
}

/** Node gives one attribute a line and escapes what would look like another line; an empty subject is undefined. */
function subjectAttribute(certificate: X509Certificate, type: string): string | undefined {
  const lines = (certificate.subject as string | undefined)?.split("\n") ?? [];
  return lines.find((line) => line.startsWith(`${type}=`))?.slice(type.length + 1);
}

interface ParsedPair {
  readonly ca: X509Certificate;
  readonly leaf: X509Certificate;
  readonly key: KeyObject;
}

/**
 * Why the API server would refuse this pair now, or the server couldn't serve it; empty when it is good. One clause
 * each, without a full stop. Never shows the key.
 */
export function checkPair(pair: CertificatePair, names: ServiceNames, now: Date): readonly string[] {
  return checkParsed(pair, (parsed) => [
    ...checkDates("the CA", parsed.ca, now),
    ...checkDates("the server's certificate", parsed.leaf, now),
    ...checkSignatures(parsed),
    ...checkUse(parsed.leaf, names),
  ]);
}

/** Why key, certificate and CA don't belong together, whoever they are for and whatever their dates. As `checkPair`. */
export function checkPairAgrees(pair: CertificatePair): readonly string[] {
  return checkParsed(pair, checkSignatures);
}

function checkParsed(pair: CertificatePair, check: (parsed: ParsedPair) => string[]): string[] {
  const ca = parseCertificate(pair.caPem);
  const leaf = parseCertificate(pair.certPem);
  const key = parsePrivateKey(pair.keyPem);
  if (ca !== undefined && leaf !== undefined && key !== undefined) return check({ ca, leaf, key });
  return [
    ...(ca === undefined ? ["the CA is not a certificate in PEM"] : []),
    ...(leaf === undefined ? ["the server's certificate is not a certificate in PEM"] : []),
    ...(key === undefined ? ["the private key is not an unencrypted key in PEM"] : []),
  ];
}

function checkSignatures({ ca, leaf, key }: ParsedPair): string[] {
  const problems: string[] = [];
  if (!leaf.checkPrivateKey(key)) problems.push("the private key does not belong to the server's certificate");
  if (!ca.ca) problems.push("the CA may not sign certificates (basicConstraints)");
  if (!leaf.checkIssued(ca) || !leaf.verify(ca.publicKey)) {
    problems.push("the server's certificate was not signed by the CA");
  }
  return problems;
}

function checkUse(leaf: X509Certificate, names: ServiceNames): string[] {
  const problems: string[] = [];
  const name = serverName(names.service, names.namespace);
  if (leaf.checkHost(name, { subject: "never" }) === undefined) {
    problems.push(`the server's certificate is not for ${name} (${leaf.subjectAltName ?? "no subjectAltName"})`);
  }
  // Node calls the extended key usages keyUsage. Without any, a certificate is good for every use.
  const extendedKeyUsages = leaf.keyUsage as string[] | undefined;
  if (extendedKeyUsages !== undefined && !extendedKeyUsages.includes(SERVER_AUTH)) {
    problems.push("the server's certificate is not for serverAuth");
  }
  return problems;
}

function checkDates(what: string, certificate: X509Certificate, now: Date): string[] {
  const { validFromDate, validToDate } = certificate;
  if (now < validFromDate) return [`${what} is not valid before ${validFromDate.toISOString()}`];
  if (now > validToDate) return [`${what} expired at ${validToDate.toISOString()}`];
  return [];
}

function parsePrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

/** In the words of KEY_ALGORITHM where it has any. */
export function keyAlgorithmOf(keyPem: string): string {
  const { asymmetricKeyType = "", asymmetricKeyDetails: { modulusLength, namedCurve } = {} } = createPrivateKey(keyPem);
  if (asymmetricKeyType === "rsa") return `rsa-${modulusLength}`;
  // OpenSSL's name of P-256.
  return namedCurve === "prime256v1" ? "ecdsa-p256" : (namedCurve ?? asymmetricKeyType);
}
