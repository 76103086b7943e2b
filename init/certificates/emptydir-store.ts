/** CERT_STORE=emptydir: each Pod has a CA and a pair of its own, kept nowhere but in CERT_DIR. */
import { randomUUID } from "node:crypto";
import type { Logger } from "../../src/telemetry/logger.ts";
import { readPair } from "../../src/tls/files.ts";
import { checkPair, keyAlgorithmOf, readCertificates } from "../../src/tls/inspect.ts";
import type { CertificatePair, KeyAlgorithm, ServiceNames } from "../../src/tls/profile.ts";
import { renewalReason } from "../../src/tls/renewal.ts";
import type { Clock } from "../backoff.ts";
import { issueCheckedPair } from "./issue.ts";
import type { CertificateStore } from "./store.ts";

export interface EmptydirStoreOptions {
  readonly certDir: string;
  readonly names: ServiceNames;
  /** Absent: a random one, for as long as the store lives. */
  readonly podUid: string | undefined;
  readonly keyAlgorithm: KeyAlgorithm;
  readonly validityMs: number;
  /** Of the API server's latest answer; the caller has asked it something just now. */
  readonly serverDate: () => Date | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createEmptydirStore(options: EmptydirStoreOptions): CertificateStore {
  const podUid = options.podUid ?? randomUUID();
  // Kept until it is in CERT_DIR: a caller that fails before comes back for the same one, and its CA may be in a bundle.
  let issued: CertificatePair | undefined;

  /** Why `pair` can't be served, or not for long enough; empty when it can. */
  function faultsOf(pair: CertificatePair): readonly string[] {
    const now = options.clock.now();
    const problems = checkPair(pair, options.names, now);
    if (problems.length > 0) return problems;
    const keyAlgorithm = keyAlgorithmOf(pair.keyPem);
    if (keyAlgorithm !== options.keyAlgorithm) return [`its key is ${keyAlgorithm}`];
    const [certificate] = readCertificates(pair.certPem).certificates;
    const reason = certificate && renewalReason({ certificate, now, jitterSeed: podUid });
    return reason === undefined ? [] : [reason];
  }

  return {
    async obtain() {
      const current = readCurrentPair(options.certDir);
      const faults = current && faultsOf(current);
      if (current && faults?.length === 0) {
        issued = undefined;
        return current;
      }
      if (issued && faultsOf(issued).length === 0) return issued;
      issued = issueCheckedPair({
        ...options,
        podUid,
        now: options.clock.now(),
        serverDate: options.serverDate(),
      });
      if (faults) options.logger.info({ faults }, "new certificates in place of those in CERT_DIR");
      return issued;
    },
  };
}

/** Undefined where there is none, or not all of it. */
export function readCurrentPair(certDir: string): CertificatePair | undefined {
  try {
    return readPair(certDir);
  } catch {
    return undefined;
  }
}
