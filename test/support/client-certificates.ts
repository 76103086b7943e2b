/** Client certificates, such as an API server shows to a webhook. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import {
  basicConstraintsOfCa,
  basicConstraintsOfLeaf,
  keyIdentifierOf,
  keyUsage,
  signCertificate,
  subjectKeyIdentifier,
} from "../../src/tls/certificate-der.ts";
import * as der from "../../src/tls/der.ts";

const HOUR_MS = 60 * 60 * 1000;

export interface ClientPair {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface ClientCa {
  readonly caPem: string;
  /** Valid for an hour, or until `validMs` from now. */
  issue(commonName: string, validMs?: number): ClientPair;
}

export function createClientCa(): ClientCa {
  const caKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = { organization: "clients", commonName: `ca-${randomBytes(4).toString("hex")}` };
  const notBefore = new Date(Date.now() - 2 * HOUR_MS);
  const caPem = signCertificate(
    {
      serialNumber: Buffer.of(1),
      issuer,
      subject: issuer,
      notBefore,
      notAfter: new Date(Date.now() + 24 * HOUR_MS),
      publicKey: caKeys.publicKey,
      extensions: [
        basicConstraintsOfCa(),
        keyUsage("keyCertSign"),
        subjectKeyIdentifier(keyIdentifierOf(caKeys.publicKey)),
      ],
    },
    caKeys.privateKey,
  );
  return {
    caPem,
    issue(commonName, validMs = HOUR_MS) {
      const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const certPem = signCertificate(
        {
          serialNumber: Buffer.concat([Buffer.of(0x40), randomBytes(8)]),
          issuer,
          subject: { organization: "system:masters", commonName },
          notBefore,
          notAfter: new Date(Date.now() + validMs),
          publicKey: keys.publicKey,
          extensions: [basicConstraintsOfLeaf(), keyUsage("digitalSignature"), extendedKeyUsageClientAuth()],
        },
        caKeys.privateKey,
      );
      return { certPem, keyPem: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
  };
}

function extendedKeyUsageClientAuth() {
  const clientAuth = der.encode(der.sequence(der.objectIdentifier("1.3.6.1.5.5.7.3.2")));
  return der.sequence(der.objectIdentifier("2.5.29.37"), der.octetString(clientAuth));
}
