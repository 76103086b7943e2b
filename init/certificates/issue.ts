import { PortcullisError } from "../../src/errors.ts";
import { checkPair } from "../../src/tls/inspect.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { BACKDATE_MS, type CertificatePair, type KeyAlgorithm, type ServiceNames } from "../../src/tls/profile.ts";

/** Worth a line in the log. */
const SKEW_TO_MENTION_MS = 30_000;
/** Beyond this the hour by which certificates are backdated no longer covers the difference. */
const MAX_SKEW_MS = 50 * 60_000;

/** The local clock less the API server's, in milliseconds; undefined while the API server has given no date. */
export function clockSkewMs(localNow: Date, serverDate: Date | undefined): number | undefined {
  return serverDate === undefined ? undefined : localNow.getTime() - serverDate.getTime();
}

export function isSkewWorthMentioning(skewMs: number): boolean {
  return Math.abs(skewMs) > SKEW_TO_MENTION_MS;
}

export interface IssueRequest {
  readonly names: ServiceNames;
  /** Absent when Pods share the CA. */
  readonly podUid?: string | undefined;
  readonly keyAlgorithm: KeyAlgorithm;
  readonly validityMs: number;
  readonly now: Date;
  /** Of the API server, where it is known: a certificate must be valid on its clock too. */
  readonly serverDate: Date | undefined;
}

/**
 * A pair that is good on both clocks, checked with the eyes of a verifier before anybody sees it. Throws
 * PortcullisError CLOCK or CERTIFICATES.
 */
export function issueCheckedPair(request: IssueRequest): CertificatePair {
  const { names, podUid, keyAlgorithm, validityMs, now, serverDate } = request;
  const skewMs = clockSkewMs(now, serverDate);
  if (skewMs !== undefined && Math.abs(skewMs) > MAX_SKEW_MS) {
    throw new PortcullisError(
      "CLOCK",
      `this node's clock is ${Math.round(Math.abs(skewMs) / 60_000)} minutes ${skewMs > 0 ? "ahead of" : "behind"} the API server's`,
    );
  }
  const clocks = [now.getTime(), ...(serverDate ? [serverDate.getTime()] : [])];
  const pair = issueCertificates({
    names,
    podUid,
    keyAlgorithm,
    notBefore: new Date(Math.min(...clocks) - BACKDATE_MS),
    notAfter: new Date(Math.max(...clocks) + validityMs),
  });
  const problems = new Set(clocks.flatMap((ms) => checkPair(pair, names, new Date(ms))));
  if (problems.size > 0) {
    throw new PortcullisError("CERTIFICATES", `the new certificates are not usable: ${[...problems].join("; ")}`);
  }
  return pair;
}
