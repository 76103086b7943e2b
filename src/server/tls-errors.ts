import type { Server } from "node:https";
import type { TLSSocket } from "node:tls";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics, TlsAlert } from "../telemetry/metrics.ts";

/** A client that doesn't trust us tries on: a line a minute tells as much as a line a call. */
const LOG_INTERVAL_MS = 60_000;

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
export function watchTlsErrors(
  server: Server,
  metrics: Metrics,
  logger: Logger,
  monotonicMs: () => number = () => performance.now(),
): void {
  const loggedAtMs = new Map<TlsAlert, number>();
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const alert = alertOf(error);
    metrics.tlsClientFailed(alert);
    const nowMs = monotonicMs();
    if (nowMs - (loggedAtMs.get(alert) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL_MS) return;
    loggedAtMs.set(alert, nowMs);
    logger.warn({ alert, code: error.code, remoteAddress: socket.remoteAddress }, "a TLS handshake failed");
  });
}

function alertOf({ code = "", message }: NodeJS.ErrnoException): TlsAlert {
  const number = /SSL alert number (\d+)/.exec(message)?.[1] ?? "";
  return ALERTS[number] ?? OWN_ALERTS[code] ?? "other";
}
