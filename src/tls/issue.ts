/**
 * A CA and the server's certificate that it signs, made together. The CA's private key never leaves this file: no
 * second certificate can be signed with it, so whoever reads the volume can't make one either.
 */
import { generateKeyPairSync, type KeyPairKeyObjectResult, randomBytes } from "node:crypto";
import {
  authorityKeyIdentifier,
  basicConstraintsOfCa,
  basicConstraintsOfLeaf,
  extendedKeyUsageServerAuth,
  keyIdentifierOf,
  keyUsage,
  nameConstraints,
  signCertificate,
  subjectAltName,
  subjectKeyIdentifier,
} from "./certificate-der.ts";
import {
  type CertificatePair,
  dnsNamesOf,
  type KeyAlgorithm,
  type ServiceNames,
  sharedOwner,
  subjectNames,
} from "./profile.ts";

export interface CertificateOrder {
  readonly names: ServiceNames;
  /** Whose CA it is. Absent when Pods share it: then its serial number names it. */
  readonly podUid?: string | undefined;
  readonly keyAlgorithm: KeyAlgorithm;
  /** Of both certificates; the caller has taken BACKDATE_MS off already. */
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** `random(size)` returns that many bytes; it makes the serial numbers, not the keys. */
export function issueCertificates(
  order: CertificateOrder,
  random: (size: number) => Buffer = randomBytes,
): CertificatePair {
  const { service, namespace } = order.names;
  const caKeys = generateKeys(order.keyAlgorithm);
  const leafKeys = generateKeys(order.keyAlgorithm);
  const caKeyIdentifier = keyIdentifierOf(caKeys.publicKey);
  const caSerialNumber = makeSerialNumber(random);
  const dnsNames = dnsNamesOf(service, namespace);

  const owner = order.podUid ?? sharedOwner(caSerialNumber.toString("hex"));
  const { organization, caPrefix, leafPrefix } = subjectNames(service, namespace);
  const caName = { organization, commonName: `${caPrefix}${owner}` };
  const leafName = { organization, commonName: `${leafPrefix}${owner}` };
  const issuedAs = { issuer: caName, notBefore: order.notBefore, notAfter: order.notAfter };

  const caPem = signCertificate(
    {
      ...issuedAs,
      serialNumber: caSerialNumber,
      subject: caName,
      publicKey: caKeys.publicKey,
      extensions: [
        basicConstraintsOfCa(),
        keyUsage("keyCertSign", "cRLSign"),
        subjectKeyIdentifier(caKeyIdentifier),
        nameConstraints(dnsNames),
      ],
    },
    caKeys.privateKey,
  );
  const certPem = signCertificate(
    {
      ...issuedAs,
      serialNumber: makeSerialNumber(random),
      subject: leafName,
      publicKey: leafKeys.publicKey,
      extensions: [
        basicConstraintsOfLeaf(),
        order.keyAlgorithm === "ecdsa-p256"
          ? keyUsage("digitalSignature")
          : keyUsage("digitalSignature", "keyEncipherment"),
        extendedKeyUsageServerAuth(),
        subjectAltName(dnsNames),
        subjectKeyIdentifier(keyIdentifierOf(leafKeys.publicKey)),
        authorityKeyIdentifier(caKeyIdentifier),
      ],
    },
    caKeys.privateKey,
  );
  const keyPem = leafKeys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { caPem, certPem, keyPem };
}

function generateKeys(algorithm: KeyAlgorithm): KeyPairKeyObjectResult {
  switch (algorithm) {
    case "ecdsa-p256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" });
    case "rsa-2048":
      return generateKeyPairSync("rsa", { modulusLength: 2048 });
    case "rsa-4096":
      return generateKeyPairSync("rsa", { modulusLength: 4096 });
  }
}

/** 16 bytes, the first from 0x40 to 0x7f: Go refuses to parse a negative number, and DER a leading zero. */
function makeSerialNumber(random: (size: number) => Buffer): Buffer {
  const bytes = Buffer.from(random(16));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes;
}
