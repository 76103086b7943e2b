/** Every series that our programs can export, by their own code: what rules and dashboards may name. */
import { createKeeperMetrics } from "../../init/keeper/metrics.ts";
import type { Effect } from "../../src/admission/types.ts";
import type { ExceptionState } from "../../src/policy/exceptions.ts";
import type { CallerRefusal } from "../../src/server/caller.ts";
import type { ShedReason } from "../../src/server/load.ts";
import {
  CALL_ERRORS,
  createMetrics,
  type ReloadResult,
  type ReviewVerdict,
  TLS_ALERTS,
} from "../../src/telemetry/metrics.ts";
import { readSource } from "../meta/source-files.ts";
import { alerts } from "./rules.ts";

/** The compiler sees to it that none is missing, and none too many. */
function all<Value extends string>(values: Readonly<Record<Value, true>>): readonly Value[] {
  return Object.keys(values) as Value[];
}
const EFFECTS = all<Effect>({ deny: true, warn: true, audit: true, existing: true, excepted: true });
const VERDICTS = all<ReviewVerdict>({ allowed: true, denied: true, patched: true, skipped: true });
const RESULTS = all<ReloadResult>({ success: true, failure: true });
const STATES = all<ExceptionState>({ active: true, lapsing: true, lapsed: true });
const SHED = all<ShedReason>({ requests: true, bytes: true, lag: true });
const REFUSALS = all<CallerRefusal>({ "no-certificate": true, untrusted: true, name: true });

/** The labels that PodMonitor or a scrape configuration add, and the rules rely on. */
export const TARGET_LABELS = ["namespace", "pod"] as const;

export async function everythingExported(): Promise<string> {
  const metrics = createMetrics();
  for (const phase of ["mutate", "validate"] as const) {
    for (const verdict of VERDICTS) metrics.reviewed(phase, "CREATE", "pods", verdict, 0.001);
    for (const error of CALL_ERRORS) metrics.failed(phase, error);
    for (const reason of SHED) metrics.shed(phase, reason);
    metrics.unknownEntry(phase);
  }
  for (const effect of EFFECTS) metrics.violated("a-policy", "required-labels", "LBL-MISSING", effect);
  for (const kind of ["ca", "leaf"] as const) metrics.certificateNotAfter(kind, new Date());
  for (const alert of TLS_ALERTS) metrics.tlsClientFailed(alert);
  for (const reason of REFUSALS) metrics.callerRefused(reason);
  for (const result of RESULTS) {
    metrics.certificateReloaded(result);
    metrics.policiesReloaded(result);
    metrics.clientCaReloaded(result);
  }
  metrics.countExceptions(() => STATES.map((state) => ({ policy: "a-policy", state, count: 1 })));
  metrics.eventLoopLagged(0.001);
  const keeper = createKeeperMetrics();
  keeper.bundles("MutatingWebhookConfiguration", "portcullis", { trusted: true, certificates: 2 });
  for (const result of ["patched", "conflict", "gone", "failed"] as const) keeper.patched(result);
  for (const result of ["ok", "failed"] as const) keeper.roundEnded(result);
  for (const result of ["renewed", "failed"] as const) keeper.renewalEnded(result);
  return [await metrics.registry.metrics(), await keeper.registry.metrics()].join("\n");
}

/** And what others export, as far as we know it; with what Prometheus itself writes. */
export async function everythingKnown(): Promise<string> {
  return [
    await everythingExported(),
    readSource("test/monitoring/api-server.prom"),
    readSource("test/monitoring/kube-state-metrics.prom"),
    'up{job="portcullis"} 1',
    ...alerts.map(({ alert }) => `ALERTS{alertname="${alert}",alertstate="firing"} 1`),
  ].join("\n");
}
