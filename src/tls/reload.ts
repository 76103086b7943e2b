/**
 * Follows the pair in a directory for as long as the server runs. What can't be served replaces nothing: the caller goes
 * on with the pair it has, and hears why.
 */
import { type DirectoryFollower, followDirectory } from "../follow-directory.ts";
import type { CertificatePair } from "./profile.ts";
import { readServingPair, type ServingPair, unservableReasons } from "./serving.ts";

export interface PairFollower extends Omit<DirectoryFollower, "look"> {
  /** The pair that is served already. */
  readonly served: CertificatePair;
  now(): Date;
  /** Gets a pair that agrees, is valid now and differs from the one served. If it throws, the pair counts as refused. */
  onPair(pair: ServingPair): void;
  /** Gets each problem once, however long it lasts; never the key. */
  onProblem(problem: string): void;
}

/** Never throws, and never keeps the process alive. */
export function followPair(follower: PairFollower): { stop(): void } {
  let { served } = follower;
  return followDirectory({
    ...follower,
    look() {
      const pair = readServingPair(follower.directory);
      if (isSamePair(pair, served)) return undefined;
      const reasons = unservableReasons(pair, follower.now());
      if (reasons.length > 0) return reasons.join("; ");
      follower.onPair(pair);
      served = pair;
      return undefined;
    },
  });
}

function isSamePair(a: CertificatePair, b: CertificatePair): boolean {
  return a.certPem === b.certPem && a.keyPem === b.keyPem && a.caPem === b.caPem;
}
