import type { AdmissionRequest, Call, Outcome, Recorder } from "../admission/types.ts";
import { groupResource } from "../kube/objects.ts";
import type { Logger } from "./logger.ts";
import type { Metrics, ReviewVerdict } from "./metrics.ts";

/** RFC 1123 names are at most 253 characters; a user's name may be anything. */
const MAX_FIELD_CHARACTERS = 256;

const MAX_VIOLATIONS = 50;

/** Counts every review, and writes one line for it: at debug when it was allowed in silence, else at info. */
export function createRecorder(logger: Logger, metrics: Metrics): Recorder {
  return {
    reviewed(call, request, outcome, policies) {
      const durationSeconds = (performance.now() - call.receivedAtMs) / 1000;
      const resource = groupResource(request.resource);
      if (!policies.knowsEntry(call.phase, call.entry)) metrics.unknownEntry(call.phase);
      const label = policies.knowsResource(resource) ? resource : "other";
      metrics.reviewed(call.phase, request.operation, label, verdictOf(outcome), durationSeconds);
      for (const { policy, violation, effect } of outcome.judged) {
        metrics.violated(policy.name, policy.rule.id, violation.code, effect);
      }
      const level = outcome.judged.length > 0 || !outcome.allowed ? "info" : "debug";
      if (logger.isLevelEnabled(level)) logger[level](lineOf(call, request, outcome, durationSeconds), "review");
    },
  };
}

function verdictOf({ allowed, skipped, patches }: Outcome): ReviewVerdict {
  if (!allowed) return "denied";
  if (skipped) return "skipped";
  return patches.length > 0 ? "patched" : "allowed";
}

/** The only fields of a request that are ever logged. */
function lineOf(call: Call, request: AdmissionRequest, outcome: Outcome, durationSeconds: number): object {
  return {
    phase: call.phase,
    entry: call.entry,
    uid: request.uid,
    operation: request.operation,
    resource: cut(groupResource(request.resource)),
    ...(request.subResource === "" ? {} : { subResource: cut(request.subResource) }),
    namespace: cut(request.namespace),
    name: cut(request.name),
    user: cut(request.username),
    ...(request.dryRun ? { dryRun: true } : {}),
    verdict: verdictOf(outcome),
    ...(outcome.skipped ? { skipped: outcome.skipped } : {}),
    ...(outcome.judged.length > 0 ? { violations: violationsOf(outcome) } : {}),
    durationMs: Math.round(durationSeconds * 1e6) / 1000,
  };
}

/** Each once: an object can have a thousand of a kind, and the metrics have counted them. */
function violationsOf({ judged }: Outcome): readonly string[] {
  const kinds = [
    ...new Set(judged.map(({ policy, violation, effect }) => `${policy.name}/${violation.code}/${effect}`)),
  ];
  if (kinds.length <= MAX_VIOLATIONS) return kinds;
  return [...kinds.slice(0, MAX_VIOLATIONS), `and ${kinds.length - MAX_VIOLATIONS} more`];
}

function cut(text: string): string {
  return text.slice(0, MAX_FIELD_CHARACTERS);
}
