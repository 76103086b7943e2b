import { PortcullisError } from "../errors.ts";
import { readPair } from "./files.ts";
import { type CertificateFacts, checkPairAgrees, readCertificates } from "./inspect.ts";
import type { CertificatePair } from "./profile.ts";

/** A pair that belongs together, as the server serves it. It may be out of date: see `unservableReasons`. */
export interface ServingPair extends CertificatePair {
  readonly leaf: CertificateFacts;
  readonly ca: CertificateFacts;
}

/** Throws PortcullisError CERTIFICATES when files are missing, broken or of different pairs; never shows the key. */
export function readServingPair(directory: string): ServingPair {
  const pair = readPair(directory);
  const [leaf] = readCertificates(pair.certPem).certificates;
  const [ca] = readCertificates(pair.caPem).certificates;
  const problems = checkPairAgrees(pair);
  if (!leaf || !ca || problems.length > 0) {
    throw new PortcullisError(
      "CERTIFICATES",
      `the certificates in ${directory} can't be served: ${problems.join("; ")}`,
    );
  }
  return { ...pair, leaf, ca };
}

/** Why no verifier accepts the pair now; empty when it is good. One clause each. */
export function unservableReasons({ leaf, ca }: ServingPair, now: Date): readonly string[] {
  return [...outOfDate("the certificate", leaf, now), ...outOfDate("its CA", ca, now)];
}

function outOfDate(what: string, { notBefore, notAfter }: CertificateFacts, now: Date): string[] {
  if (now < notBefore) return [`${what} is not valid before ${notBefore.toISOString()}`];
  if (now > notAfter) return [`${what} expired at ${notAfter.toISOString()}`];
  return [];
}
