/**
 * The caBundle of a webhook: one CA a Pod, merged and pruned. Pure, and the only place that decides which CA leaves.
 * The API server checks nothing in a caBundle, so what leaves here is encoded strictly: two blocks without a newline
 * between them are none to it.
 */
import { type CertificateFacts, readCertificates } from "./inspect.ts";
import { BACKDATE_MS, podUidOfCa } from "./profile.ts";

export interface BundleMerge {
  /** `clientConfig.caBundle` as the API server gave it; garbage counts as empty. */
  readonly currentBase64?: string | undefined;
  /** The CA to add, exactly one; its `O=` says which others are of our Service. */
  readonly ownCaPem: string;
  /** By a clock that is never ahead: what has expired by it leaves. */
  readonly now: Date;
  /** Drops other CAs of this Pod. Leave it out for as long as a certificate of such a CA may still be served. */
  readonly ownPodUid?: string | undefined;
  /** Pods of our Service, terminating ones included. Absent (no permission to list): only expired CAs go. */
  readonly livePodUids?: ReadonlySet<string> | undefined;
  /** When that list was asked for; default `now`. */
  readonly podListedAt?: Date | undefined;
}

export type DropReason = "unparsable" | "duplicate" | "expired" | "superseded" | "pod-gone";

export interface DroppedCertificate {
  readonly reason: DropReason;
  /** Absent when it is unparsable. */
  readonly certificate?: CertificateFacts;
}

export interface MergedBundle {
  readonly bundlePem: string;
  /** The very string that came in, unless `changed`. */
  readonly bundleBase64: string;
  readonly changed: boolean;
  /** How many certificates of the current bundle stay, our own among them if it was there. */
  readonly keptCount: number;
  readonly dropped: readonly DroppedCertificate[];
}

/** A Pod made after the list was taken isn't in it; ten minutes is far more than a list is ever old. */
const POD_GONE_MIN_AGE_MS = 10 * 60 * 1000;

/**
 * Keeps every other CA in its place, drops what serves nobody, and appends our own unless it is there. Idempotent.
 * An equal bundle in another encoding (CRLF, text between the blocks) is encoded anew, once.
 */
export function mergeBundle(merge: BundleMerge): MergedBundle {
  const own = readOwnCa(merge.ownCaPem);
  const current = readCertificates(Buffer.from(merge.currentBase64 ?? "", "base64").toString("latin1"));

  const kept = new Map<string, CertificateFacts>();
  const dropped: DroppedCertificate[] = Array.from({ length: current.unparsableCount }, () => ({
    reason: "unparsable",
  }));
  for (const certificate of current.certificates) {
    const reason = kept.has(certificate.fingerprint) ? "duplicate" : reasonToDrop(certificate, own, merge);
    if (reason === undefined) kept.set(certificate.fingerprint, certificate);
    else dropped.push({ reason, certificate });
  }
  const keptCount = kept.size;
  kept.set(own.fingerprint, own);

  const bundlePem = [...kept.values()].map((certificate) => certificate.pem).join("");
  const bundleBase64 = Buffer.from(bundlePem).toString("base64");
  return { bundlePem, bundleBase64, changed: bundleBase64 !== merge.currentBase64, keptCount, dropped };
}

function readOwnCa(pem: string): CertificateFacts {
  const { certificates, unparsableCount } = readCertificates(pem);
  const [own] = certificates;
  if (own === undefined || certificates.length + unparsableCount !== 1) {
    throw new Error("the CA to add must be exactly one certificate in PEM");
  }
  return own;
}

function reasonToDrop(
  certificate: CertificateFacts,
  own: CertificateFacts,
  { now, ownPodUid, livePodUids, podListedAt = now }: BundleMerge,
): DropReason | undefined {
  if (certificate.fingerprint === own.fingerprint) return undefined;
  if (now > certificate.notAfter) return "expired";

  // Whatever isn't a CA of our Service and of one Pod is somebody else's to prune.
  const podUid = certificate.organization === own.organization ? podUidOfCa(certificate.commonName) : undefined;
  if (podUid === undefined) return undefined;
  // A CA's key is never kept, so another certificate of our Pod is another key.
  if (podUid === ownPodUid) return "superseded";
  if (livePodUids === undefined || livePodUids.has(podUid) || podUid === podUidOfCa(own.commonName)) return undefined;
  const ageMs = podListedAt.getTime() - (certificate.notBefore.getTime() + BACKDATE_MS);
  return ageMs > POD_GONE_MIN_AGE_MS ? "pod-gone" : undefined;
}
