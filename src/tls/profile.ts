/**
 * What portcullis's own certificates look like: the names in them, and how to tell one of ours from anybody else's.
 * Not here: how they are made (issue.ts), read and checked (inspect.ts), or kept on disk (files.ts).
 */
import { createHash } from "node:crypto";

export interface ServiceNames {
  readonly service: string;
  readonly namespace: string;
}

export type KeyAlgorithm = "ecdsa-p256" | "rsa-2048" | "rsa-4096";

/** The server's certificate, its private key (PKCS #8), and the CA that signed it, as PEM. */
export interface CertificatePair {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/** How far before the moment of issue `notBefore` is set, for API servers whose clock is behind ours. */
export const BACKDATE_MS = 60 * 60 * 1000;

/** RFC 5280 appendix A: ub-organization-name. */
const NAME_MAX_LENGTH = 64;

const HASH_LENGTH = 16;
const CA_PREFIX = "portcullis-ca-";
const LEAF_PREFIX = "portcullis-leaf-";
const SHARED_PREFIX = "serial-";

export interface SubjectNames {
  /** `O=` of the CA and of the leaf. */
  readonly organization: string;
  /** `CN=` is a prefix and the owner: a Pod's UID, or `sharedOwner(serial)`. */
  readonly caPrefix: string;
  readonly leafPrefix: string;
}

/**
 * `O=` is `service.namespace`; where that is longer than 64 characters, its first 47, `_` and 16 hex digits of its
 * SHA-256. No Service or namespace holds `_` or `.`, so two Services never share an organization.
 */
export function subjectNames(service: string, namespace: string): SubjectNames {
  return { organization: organizationOf(`${service}.${namespace}`), caPrefix: CA_PREFIX, leafPrefix: LEAF_PREFIX };
}

function organizationOf(qualifiedName: string): string {
  if (qualifiedName.length <= NAME_MAX_LENGTH) return qualifiedName;
  const hash = createHash("sha256").update(qualifiedName).digest("hex").slice(0, HASH_LENGTH);
  return `${qualifiedName.slice(0, NAME_MAX_LENGTH - HASH_LENGTH - 1)}_${hash}`;
}

/** The owner part of `CN=` when Pods share the CA; `serialNumber` in hexadecimal. */
export function sharedOwner(serialNumber: string): string {
  return `${SHARED_PREFIX}${serialNumber}`;
}

/** The UID of the Pod that a CA of ours belongs to; undefined for a shared CA, and for anything that isn't a CA of ours. */
export function podUidOfCa(commonName: string | undefined): string | undefined {
  if (commonName === undefined || !commonName.startsWith(CA_PREFIX)) return undefined;
  const owner = commonName.slice(CA_PREFIX.length);
  return owner.startsWith(SHARED_PREFIX) ? undefined : owner;
}

/** The name that the API server asks for when it calls the Service. */
export function serverName(service: string, namespace: string): string {
  return `${service}.${namespace}.svc`;
}

/** Every name by which Pods and people reach the Service, shortest first: the leaf's subjectAltName. */
export function dnsNamesOf(service: string, namespace: string): readonly string[] {
  const name = serverName(service, namespace);
  return [service, `${service}.${namespace}`, name, `${name}.cluster.local`];
}
