import type { Server } from "node:https";
import type { TLSSocket } from "node:tls";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics, TlsAlert } from "../telemetry/metrics.ts";
import { limitLogRate } from "./log-rate.ts";

/** By the numbers of RFC 8446, 6.2. Go's client sends 42 where OpenSSL's sends 48. */
const ALERTS: Readonly<Record<string, TlsAlert>> = {
  42: "bad_certificate",
  45: "certificate_expired",
  46: "certificate_unknown",
  48: "unknown_ca",
  70: "protocol_version",
};

/** Codes of errors for which we send the alert, so that none with a number comes back. */
const OWN_ALERTS: Readonly<Record<string, TlsAlert>> = { ERR_SSL_UNSUPPORTED_PROTOCOL: "protocol_version" };

/** Counts failed handshakes by alert, and logs each alert at most once a minute. `monotonicMs` is for tests. */
export function watchTlsErrors(server: Server, metrics: Metrics, logger: Logger, monotonicMs?: () => number): void {
  const mayLog = limitLogRate(monotonicMs);
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const alert = alertOf(error);
    metrics.tlsClientFailed(alert);
    if (!mayLog(alert)) return;
    logger.warn({ alert, code: error.code, remoteAddress: socket.remoteAddress }, "a TLS handshake failed");
  });
}

function alertOf({ code = "", message }: NodeJS.ErrnoException): TlsAlert {
  const number = /SSL alert number (\d+)/.exec(message)?.[1] ?? "";
  return ALERTS[number] ?? OWN_ALERTS[code] ?? "other";
}
