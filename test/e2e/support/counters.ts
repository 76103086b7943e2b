/** What the API server itself counts of its calls to us. */
import type { E2eCluster } from "./cluster.ts";

export interface Counters {
  /** Let through unjudged, since failurePolicy was Ignore. */
  readonly failOpen: number;
  /** Refused since the call failed, and failurePolicy was Fail; an error in place of a verdict. */
  readonly callErrors: number;
  /** All calls; the proof that the others count the right thing. */
  readonly calls: number;
}

const SERIES = /^apiserver_admission_webhook_(\w+)\{(.*)\} (\S+)$/;

/** Of the API server that answers: where there are several, of one of them. */
export async function readCounters({ run }: E2eCluster): Promise<Counters> {
  const counters = { failOpen: 0, callErrors: 0, calls: 0 };
  for (const line of (await run(["get", "--raw", "/metrics"])).split("\n")) {
    const [, metric, labels = "", value] = SERIES.exec(line) ?? [];
    if (!/(?:^|,)name="[^"]*portcullis\.dev"/.test(labels)) continue;
    if (metric === "fail_open_count") counters.failOpen += Number(value);
    if (metric === "request_total") counters.calls += Number(value);
    if (metric === "rejection_count" && !labels.includes('error_type="no_error"')) counters.callErrors += Number(value);
  }
  return counters;
}

export function since(before: Counters, after: Counters): Counters {
  return {
    failOpen: after.failOpen - before.failOpen,
    callErrors: after.callErrors - before.callErrors,
    calls: after.calls - before.calls,
  };
}
