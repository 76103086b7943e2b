/** Whether the pair that a Secret holds can go on being used. Pure. */
import { checkPair, keyAlgorithmOf, readCertificates } from "../../src/tls/inspect.ts";
import type { CertificatePair, KeyAlgorithm, ServiceNames } from "../../src/tls/profile.ts";
import { renewalReason } from "../../src/tls/renewal.ts";

export interface PairRequirements {
  readonly names: ServiceNames;
  readonly keyAlgorithm: KeyAlgorithm;
}

export type PairVerdict =
  | { readonly kind: "usable"; readonly pair: CertificatePair }
  /** `empty`: nobody has stored one yet. `due`: good, but not for long enough. */
  | { readonly kind: "empty" | "due" | "unusable"; readonly reasons: readonly string[] };

/** Keys of the Secret: the names that those of type kubernetes.io/tls have. */
const CERT = "tls.crt";
const KEY = "tls.key";
const CA = "ca.crt";

export function toSecretData({ certPem, keyPem, caPem }: CertificatePair): Readonly<Record<string, string>> {
  return { [CERT]: certPem, [KEY]: keyPem, [CA]: caPem };
}

/** `data` is decoded. The reasons are clauses without a full stop, and never show the key. */
export function judgeSecretData(
  data: Readonly<Record<string, string>>,
  { names, keyAlgorithm }: PairRequirements,
  now: Date,
): PairVerdict {
  const { [CERT]: certPem = "", [KEY]: keyPem = "", [CA]: caPem = "" } = data;
  const missing = [CERT, KEY, CA].filter((key) => !data[key]);
  if (missing.length === 3) return { kind: "empty", reasons: ["it holds no certificates yet"] };
  if (missing.length > 0) return { kind: "unusable", reasons: missing.map((key) => `${key} is missing`) };

  const pair = { certPem, keyPem, caPem };
  const problems = checkPair(pair, names, now);
  if (problems.length > 0) return { kind: "unusable", reasons: problems };
  const actualAlgorithm = keyAlgorithmOf(keyPem);
  if (actualAlgorithm !== keyAlgorithm) {
    return { kind: "unusable", reasons: [`its key is ${actualAlgorithm}, and KEY_ALGORITHM ${keyAlgorithm}`] };
  }
  const authorities = readCertificates(caPem);
  const [ca] = authorities.certificates;
  const [leaf] = readCertificates(certPem).certificates;
  // A caBundle takes one CA of ours at a time.
  if (!ca || !leaf || authorities.certificates.length + authorities.unparsableCount !== 1) {
    return { kind: "unusable", reasons: [`${CA} holds more than one certificate`] };
  }
  // The pair's own fingerprint as the seed: all Pods agree on when it is due.
  const dueReasons = [ca, leaf].map((certificate) => renewalReason({ certificate, now, jitterSeed: leaf.fingerprint }));
  const reasons = [...new Set(dueReasons)].filter((reason) => reason !== undefined);
  return reasons.length > 0 ? { kind: "due", reasons } : { kind: "usable", pair };
}
