/** X.509 v3 certificates and the extensions that ours need (RFC 5280, by section). Pure; keys and signatures by node:crypto. */
import { createHash, type KeyObject, sign, X509Certificate } from "node:crypto";
import {
  bitString,
  booleanTrue,
  type DerValue,
  encode,
  encoded,
  integer,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  set,
  taggedBytes,
  taggedValues,
  time,
  utf8String,
} from "./der.ts";

export interface DistinguishedName {
  readonly organization: string;
  readonly commonName: string;
}

export interface CertificateFields {
  /** Big-endian, first byte below 0x80. */
  readonly serialNumber: Uint8Array;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  readonly extensions: readonly DerValue[];
}

/** The bits of 4.2.1.3 that we set, by position. */
const KEY_USAGE_BITS = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;
export type KeyUsage = keyof typeof KEY_USAGE_BITS;

/** GeneralName's choice of 4.2.1.6. */
const DNS_NAME_TAG = 2;
const VERSION_3 = Uint8Array.of(2);

/** 4.1: the certificate as PEM, signed with SHA-256 by the issuer's P-256 or RSA key. */
export function signCertificate(fields: CertificateFields, issuerKey: KeyObject): string {
  const algorithm = signatureAlgorithm(issuerKey);
  const toBeSigned = sequence(
    taggedValues(0, integer(VERSION_3)),
    integer(fields.serialNumber),
    algorithm,
    distinguishedName(fields.issuer),
    sequence(time(fields.notBefore), time(fields.notAfter)),
    distinguishedName(fields.subject),
    encoded(exportPublicKey(fields.publicKey)),
    taggedValues(3, sequence(...fields.extensions)),
  );
  const signature = sign("sha256", encode(toBeSigned), issuerKey);
  return new X509Certificate(encode(sequence(toBeSigned, algorithm, bitString(signature)))).toString();
}

/** Leftmost 160 bits of the SHA-256 of the SubjectPublicKeyInfo (RFC 7093 section 2, method 4): no SHA-1 anywhere. */
export function keyIdentifierOf(publicKey: KeyObject): Uint8Array {
  return createHash("sha256").update(exportPublicKey(publicKey)).digest().subarray(0, 20);
}

/** 4.2.1.9: a CA that signs leaves only. */
export function basicConstraintsOfCa(): DerValue {
  const pathLength = integer(Uint8Array.of(0));
  return criticalExtension("2.5.29.19", sequence(booleanTrue(), pathLength));
}

/** 4.2.1.9: `cA` is false by default, and DER leaves a default out. */
export function basicConstraintsOfLeaf(): DerValue {
  return criticalExtension("2.5.29.19", sequence());
}

export function keyUsage(...usages: readonly KeyUsage[]): DerValue {
  const positions = usages.map((usage) => KEY_USAGE_BITS[usage]);
  const bits = positions.reduce<number>((byte, position) => byte | (0x80 >> position), 0);
  return criticalExtension("2.5.29.15", bitString(Uint8Array.of(bits), 7 - Math.max(...positions)));
}

/** 4.2.1.12 */
export function extendedKeyUsageServerAuth(): DerValue {
  return extension("2.5.29.37", sequence(objectIdentifier("1.3.6.1.5.5.7.3.1")));
}

/** 4.2.1.6 */
export function subjectAltName(dnsNames: readonly string[]): DerValue {
  return extension("2.5.29.17", sequence(...dnsNames.map(dnsName)));
}

/** 4.2.1.10: the names, and what is below them in the DNS, are all that this CA may vouch for. */
export function nameConstraints(dnsNames: readonly string[]): DerValue {
  const permitted = dnsNames.map((name) => sequence(dnsName(name)));
  return criticalExtension("2.5.29.30", sequence(taggedValues(0, ...permitted)));
}

/** 4.2.1.2 */
export function subjectKeyIdentifier(keyIdentifier: Uint8Array): DerValue {
  return extension("2.5.29.14", octetString(keyIdentifier));
}

/** 4.2.1.1 */
export function authorityKeyIdentifier(keyIdentifier: Uint8Array): DerValue {
  return extension("2.5.29.35", sequence(taggedBytes(0, keyIdentifier)));
}

function extension(identifier: string, value: DerValue): DerValue {
  return sequence(objectIdentifier(identifier), octetString(encode(value)));
}

function criticalExtension(identifier: string, value: DerValue): DerValue {
  return sequence(objectIdentifier(identifier), booleanTrue(), octetString(encode(value)));
}

function dnsName(name: string): DerValue {
  return taggedBytes(DNS_NAME_TAG, Buffer.from(name, "ascii"));
}

/** RFC 5758 3.2 (ECDSA: no parameters) and RFC 4055 5 (RSA: NULL). */
function signatureAlgorithm(key: KeyObject): DerValue {
  return key.asymmetricKeyType === "rsa"
    ? sequence(objectIdentifier("1.2.840.113549.1.1.11"), nullValue())
    : sequence(objectIdentifier("1.2.840.10045.4.3.2"));
}

function distinguishedName(name: DistinguishedName): DerValue {
  return sequence(attribute("2.5.4.10", name.organization), attribute("2.5.4.3", name.commonName));
}

function attribute(type: string, text: string): DerValue {
  return set(sequence(objectIdentifier(type), utf8String(text)));
}

function exportPublicKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: "spki", format: "der" });
}
