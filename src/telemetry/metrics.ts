import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Effect, Operation } from "../admission/types.ts";
import type { ExceptionState } from "../policy/exceptions.ts";
import type { Phase } from "../policy/policy.ts";
import type { CallerRefusal } from "../server/caller.ts";
import type { ShedReason } from "../server/load.ts";
import { createTally } from "./tally.ts";

/** What a review came to, as a label. */
export type ReviewVerdict = "allowed" | "denied" | "patched" | "skipped";
/** Why a call got an error in place of a verdict, as a label. */
export const CALL_ERRORS = [
  "encoding",
  "json",
  "envelope",
  "request",
  "object",
  "oversize",
  "media-type",
  "aborted",
  "deadline",
  "internal",
] as const;
export type CallError = (typeof CALL_ERRORS)[number];
export type ReloadResult = "success" | "failure";
/** What a server loads again when it changes, as a label. */
const RELOADED_FILES = ["certificate", "policies", "client_ca"] as const;
export type ReloadedFiles = (typeof RELOADED_FILES)[number];

/** The alerts of TLS (RFC 8446, 6.2) that tell what is wrong with a certificate or a client, as a label. */
export const TLS_ALERTS = [
  "bad_certificate",
  "certificate_expired",
  "certificate_unknown",
  "unknown_ca",
  "protocol_version",
  "other",
] as const;
export type TlsAlert = (typeof TLS_ALERTS)[number];

/** Labels are bounded: policies, rules, codes and resources of the loaded policies; never a name, namespace or user. */
export interface Metrics {
  readonly registry: Registry;
  reviewed(phase: Phase, operation: Operation, resource: string, verdict: ReviewVerdict, seconds: number): void;
  violated(policy: string, rule: string, code: string, effect: Effect): void;
  failed(phase: Phase, error: CallError): void;
  unknownEntry(phase: Phase): void;
  certificateNotAfter(kind: "ca" | "leaf", notAfter: Date): void;
  certificateReloaded(result: ReloadResult): void;
  tlsClientFailed(alert: TlsAlert): void;
  policiesReloaded(result: ReloadResult): void;
  /** Asked at every scrape: exceptions lapse by themselves. */
  countExceptions(count: () => readonly ExceptionCount[]): void;
  shed(phase: Phase, reason: ShedReason): void;
  callerRefused(reason: CallerRefusal): void;
  clientCaReloaded(result: ReloadResult): void;
  /** What could not be used is gone, be it that the old files are back. */
  reloadMended(files: ReloadedFiles): void;
  connectionEvicted(): void;
  eventLoopLagged(seconds: number): void;
  logLineDropped(): void;
  /** Asked at every scrape. */
  showLoad(current: () => CurrentLoad): void;
}

export interface CurrentLoad {
  readonly requests: number;
  readonly bytes: number;
  readonly connections: number;
}

export interface ExceptionCount {
  readonly policy: string;
  readonly state: ExceptionState;
  readonly count: number;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const reviews = createTally();
  new Counter({
    name: "portcullis_admission_reviews_total",
    help: "Reviews that got a verdict.",
    labelNames: ["phase", "operation", "resource", "verdict"],
    registers,
    collect() {
      reviews.drain((values, count) => this.labels(...values).inc(count));
    },
  });
  const seconds = new Histogram({
    name: "portcullis_admission_review_duration_seconds",
    help: "Time from the arrival of a call to its verdict.",
    labelNames: ["phase"],
    // The API server's own webhook histogram begins at 5 ms, where a review of ours has long ended.
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 2.5, 5],
    registers,
  });
  const violations = new Counter({
    name: "portcullis_violations_total",
    help: "Violations by policy and code, and what became of them.",
    labelNames: ["policy", "rule", "code", "effect"],
    registers,
  });
  const errors = new Counter({
    name: "portcullis_admission_errors_total",
    help: "Calls that got an error in place of a verdict; failurePolicy decided.",
    labelNames: ["phase", "error"],
    registers,
  });
  const unknownEntries = new Counter({
    name: "portcullis_unknown_entries_total",
    help: "Calls to a webhook entry that no loaded policy asks for; judged by all policies without selectors.",
    labelNames: ["phase"],
    registers,
  });
  const notAfter = new Gauge({
    name: "portcullis_certificate_not_after_seconds",
    help: "When the certificate that is being served ends, and its CA, as a Unix time.",
    labelNames: ["kind"],
    registers,
  });
  const reloads = new Counter({
    name: "portcullis_certificate_reloads_total",
    help: "New certificates that were found in CERT_DIR: served from then on, or refused and the old one kept.",
    labelNames: ["result"],
    registers,
  });
  const clientErrors = new Counter({
    name: "portcullis_tls_client_errors_total",
    help: "TLS handshakes that failed, by the alert; bad_certificate and unknown_ca: the caBundle lacks our CA.",
    labelNames: ["alert"],
    registers,
  });
  const policyReloads = new Counter({
    name: "portcullis_policy_reloads_total",
    help: "New policies that were found in POLICY_DIR: in force from then on, or refused and the last good ones kept.",
    labelNames: ["result"],
    registers,
  });
  let exceptionCounts: () => readonly ExceptionCount[] = () => [];
  new Gauge({
    name: "portcullis_exceptions",
    help: "Exceptions by policy; lapsing: within 7 days, lapsed: counts no longer.",
    labelNames: ["policy", "state"],
    registers,
    collect() {
      this.reset();
      for (const { policy, state, count } of exceptionCounts()) this.set({ policy, state }, count);
    },
  });
  const shed = new Counter({
    name: "portcullis_shed_total",
    help: "Calls that were turned away with 429, which the API server tries again within the webhook's timeoutSeconds.",
    labelNames: ["phase", "reason"],
    registers,
  });
  const refusedCallers = new Counter({
    name: "portcullis_callers_refused_total",
    help: "Requests that were answered with 401, since CLIENT_CA_FILE and CLIENT_NAMES don't know the caller.",
    labelNames: ["reason"],
    registers,
  });
  const clientCaReloads = new Counter({
    name: "portcullis_client_ca_reloads_total",
    help: "New contents of CLIENT_CA_FILE: used from then on, or refused and the last good ones kept.",
    labelNames: ["result"],
    registers,
  });
  const lastReload = new Gauge({
    name: "portcullis_last_reload_successful",
    help: "0 while the files that were found last can't be used, and what was good before stays in force.",
    labelNames: ["files"],
    registers,
  });
  const reloaded = (counter: Counter<"result">, files: ReloadedFiles) => (result: ReloadResult) => {
    counter.inc({ result });
    if (result === "failure") lastReload.set({ files }, 0);
  };
  const evictedConnections = new Counter({
    name: "portcullis_connections_evicted_total",
    help: "Connections that were ended because there were too many, those without a request first.",
    registers,
  });
  const lag = new Histogram({
    name: "portcullis_event_loop_lag_seconds",
    help: "How late the event loop is, measured ten times a second: calls wait as long to be read.",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5],
    registers,
  });
  const droppedLines = new Counter({
    name: "portcullis_log_lines_dropped_total",
    help: "Lines of the log that were lost because nobody reads stdout, or not fast enough.",
    registers,
  });
  let currentLoad = (): CurrentLoad => ({ requests: 0, bytes: 0, connections: 0 });
  const gauges: readonly [name: string, help: string, field: keyof CurrentLoad][] = [
    ["portcullis_requests_in_flight", "Calls that are being read or judged.", "requests"],
    ["portcullis_request_bytes_in_flight", "Bytes of their bodies that are held.", "bytes"],
    ["portcullis_connections", "Connections to the HTTPS port, at whatever stage.", "connections"],
  ];
  for (const [name, help, field] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(currentLoad()[field]);
      },
    });
  }
  for (const files of RELOADED_FILES) lastReload.set({ files }, 1);
  // A rate needs a sample from before the first event.
  for (const result of ["success", "failure"] as const) {
    reloads.inc({ result }, 0);
    policyReloads.inc({ result }, 0);
    clientCaReloads.inc({ result }, 0);
  }
  for (const reason of ["no-certificate", "untrusted", "name"] as const) refusedCallers.inc({ reason }, 0);
  for (const alert of TLS_ALERTS) clientErrors.inc({ alert }, 0);
  for (const phase of ["mutate", "validate"] as const) {
    for (const reason of ["requests", "bytes", "lag"] as const) shed.inc({ phase, reason }, 0);
    for (const error of CALL_ERRORS) errors.inc({ phase, error }, 0);
  }
  return {
    registry,
    reviewed(phase, operation, resource, verdict, durationSeconds) {
      reviews.add(phase, operation, resource, verdict);
      seconds.observe({ phase }, durationSeconds);
    },
    violated: (policy, rule, code, effect) => violations.inc({ policy, rule, code, effect }),
    failed: (phase, error) => errors.inc({ phase, error }),
    unknownEntry: (phase) => unknownEntries.inc({ phase }),
    certificateNotAfter: (kind, date) => notAfter.set({ kind }, date.getTime() / 1000),
    certificateReloaded: reloaded(reloads, "certificate"),
    tlsClientFailed: (alert) => clientErrors.inc({ alert }),
    policiesReloaded: reloaded(policyReloads, "policies"),
    countExceptions(count) {
      exceptionCounts = count;
    },
    shed: (phase, reason) => shed.inc({ phase, reason }),
    callerRefused: (reason) => refusedCallers.inc({ reason }),
    clientCaReloaded: reloaded(clientCaReloads, "client_ca"),
    reloadMended: (files) => lastReload.set({ files }, 1),
    connectionEvicted: () => evictedConnections.inc(),
    eventLoopLagged: (lagSeconds) => lag.observe(lagSeconds),
    logLineDropped: () => droppedLines.inc(),
    showLoad(current) {
      currentLoad = current;
    },
  };
}
