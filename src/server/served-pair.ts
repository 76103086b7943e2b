import type { Server } from "node:https";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { followPair, type PairFollower } from "../tls/reload.ts";
import type { ServingPair } from "../tls/serving.ts";
import { replaceCertificate } from "./listen.ts";

export interface ServedPair {
  current(): ServingPair;
  stop(): void;
}

export interface ServePairOptions extends Omit<PairFollower, "served" | "onPair" | "onProblem"> {
  /** Was created with `first`. */
  readonly server: Server;
  readonly first: ServingPair;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** The server's certificate follows the files in `directory`; what can't be served is told, and changes nothing. */
export function servePairOf({ server, first, metrics, logger, ...follower }: ServePairOptions): ServedPair {
  let pair = first;
  const showEnd = (): void => {
    metrics.certificateNotAfter("leaf", pair.leaf.notAfter);
    metrics.certificateNotAfter("ca", pair.ca.notAfter);
  };
  showEnd();
  const { stop } = followPair({
    ...follower,
    served: first,
    onPair(next) {
      replaceCertificate(server, { cert: next.certPem, key: next.keyPem });
      pair = next;
      showEnd();
      metrics.certificateReloaded("success");
      logger.info({ certificateNotAfter: pair.leaf.notAfter.toISOString() }, "serving a new certificate");
    },
    onProblem(reason) {
      metrics.certificateReloaded("failure");
      logger.error({ reason }, "the new certificate is refused, and the old one served on");
    },
  });
  return { current: () => pair, stop };
}
