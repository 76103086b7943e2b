import type { Server } from "node:https";
import { dirname } from "node:path";
import { followDirectory } from "../follow-directory.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { readClientCa } from "../tls/client-ca.ts";
import { followPair, type PairFollower } from "../tls/reload.ts";
import type { ServingPair } from "../tls/serving.ts";
import { replaceTls } from "./listen.ts";

export interface ServedTls {
  current(): ServingPair;
  stop(): void;
}

export interface ServeTlsOptions extends Omit<PairFollower, "served" | "onPair" | "onProblem"> {
  /** Was created with `first`, and with `clientCa.pem`. */
  readonly server: Server;
  readonly first: ServingPair;
  readonly clientCa?: ClientCa | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface ClientCa {
  readonly file: string;
  readonly pem: string;
}

/** Certificate and client CA follow their files; what can't be served is told, and changes nothing. */
export function serveTls({ server, first, clientCa, metrics, logger, ...follower }: ServeTlsOptions): ServedTls {
  let pair = first;
  let clientCaPem = clientCa?.pem;
  const showEnd = (): void => {
    metrics.certificateNotAfter("leaf", pair.leaf.notAfter);
    metrics.certificateNotAfter("ca", pair.ca.notAfter);
  };
  showEnd();
  const followedPair = followPair({
    ...follower,
    served: first,
    onPair(next) {
      replaceTls(server, { ...next, clientCaPem });
      pair = next;
      showEnd();
      metrics.certificateReloaded("success");
      logger.info({ certificateNotAfter: pair.leaf.notAfter.toISOString() }, "serving a new certificate");
    },
    onProblem(reason) {
      metrics.certificateReloaded("failure");
      logger.error({ reason }, "the new certificate is refused, and the old one served on");
    },
    onMended: () => metrics.reloadMended("certificate"),
  });
  const followedCa = clientCa && followClientCa(clientCa.file);

  function followClientCa(file: string) {
    return followDirectory({
      ...follower,
      directory: dirname(file),
      look() {
        const nextPem = readClientCa(file);
        if (nextPem === clientCaPem) return undefined;
        replaceTls(server, { ...pair, clientCaPem: nextPem });
        clientCaPem = nextPem;
        metrics.clientCaReloaded("success");
        logger.info("callers are known by the new CLIENT_CA_FILE");
        return undefined;
      },
      onProblem(reason) {
        metrics.clientCaReloaded("failure");
        logger.error({ reason }, "the new CLIENT_CA_FILE is refused, and the old one used on");
      },
      onMended: () => metrics.reloadMended("client_ca"),
    });
  }

  return {
    current: () => pair,
    stop() {
      followedPair.stop();
      followedCa?.stop();
    },
  };
}
