import { applyPatches, type JsonPatchOperation } from "../kube/json-patch.ts";
import { groupResource, type KubernetesObject } from "../kube/objects.ts";
import { isTrustedController } from "../kube/owners.ts";
import { findException, type PolicyException, stateOf } from "../policy/exceptions.ts";
import { CANARY_MESSAGE, type Policy } from "../policy/policy.ts";
import type { JudgedOperation, Rule, RuleInput, Severity, Verdict, Violation } from "../rules/rule.ts";
import { exceedsAnnotationLimit } from "./annotation-limit.ts";
import { checkDeadline } from "./deadline.ts";
import { type Match, namespaceOf } from "./match.ts";
import { judgePolicyFiles } from "./policy-files.ts";
import type { AdmissionRequest, Call, Effect, JudgedViolation, Outcome } from "./types.ts";

/** A request, and what of it every policy is told. */
interface Asked {
  readonly call: Call;
  readonly operation: JudgedOperation;
  readonly request: AdmissionRequest;
  readonly object: KubernetesObject;
  /** `deployments.apps`, `pods`. */
  readonly resource: string;
}

const REFUSED = { allowed: false, judged: [], patches: [] } as const;

export function evaluate(call: Call, matched: Match, request: AdmissionRequest): Outcome {
  if (matched.kind === "canary") return { ...REFUSED, refusal: { message: CANARY_MESSAGE, causes: [] } };
  if (matched.kind === "policy-files") return judgePolicyFiles(matched.checked);
  if (matched.kind === "skip") return { allowed: true, judged: [], patches: [], skipped: matched.reason };
  const { object } = request;
  if (!object) throw new Error("decode lets no CREATE or UPDATE without an object through");
  const resource = groupResource(request.resource);
  const asked: Asked = { call, operation: matched.operation, request, object, resource };
  return call.phase === "mutate" ? mutate(asked, matched.policies) : validate(asked, matched.policies);
}

/** Each policy sees the object as the ones before it leave it, so that their patches can be sent as one. */
function mutate(asked: Asked, policies: readonly Policy[]): Outcome {
  const patches: JsonPatchOperation[] = [];
  const notices: string[] = [];
  let current = asked.object;
  for (const policy of policies) {
    checkDeadline(asked.call);
    const verdict = ask(policy.rule, ruleInput(asked, policy, current, asked.request.oldObject, true));
    if (verdict.patches.length === 0) continue;
    const patched = applyPatches(current, verdict.patches);
    // Refused by the API server, it would be our doing. As it is, it is judged by the validating webhook.
    if (exceedsAnnotationLimit(patched)) {
      notices.push(`policy ${policy.name} adds nothing: there would be more than 256 KiB of annotations`);
      continue;
    }
    patches.push(...verdict.patches);
    current = patched;
  }
  return { allowed: true, judged: [], patches, ...(notices.length > 0 ? { notices } : {}) };
}

function validate(asked: Asked, policies: readonly Policy[]): Outcome {
  const { call, request, object } = asked;
  const judged: JudgedViolation[] = [];
  for (const policy of policies) {
    checkDeadline(call);
    const violations = violationsOf(policy, ruleInput(asked, policy, object, request.oldObject));
    if (violations.length === 0) continue;
    const before = fingerprintsBefore(asked, policy);
    for (const violation of violations) {
      const severity = severityOf(policy, violation);
      if (severity === "off") continue;
      const exception = exceptionFrom(asked, policy, violation);
      const wanted = effectOf(policy, severity, request.username);
      // A policy that only audits stays silent about what was wrong before, too.
      const effect = wanted !== "audit" && before.has(fingerprint(violation)) ? "existing" : wanted;
      const isLapsing = effect === "deny" && exception !== undefined && stateOf(exception, call.now) === "lapsing";
      judged.push({
        policy,
        violation,
        severity,
        ...(exception ? { effect: "excepted", exception, isLapsing } : { effect }),
      });
    }
  }
  return { allowed: !judged.some(({ effect }) => effect === "deny"), judged, patches: [] };
}

/**
 * What a rule would still patch, the mutating webhook has not patched: its call was lost, and failurePolicy Ignore let the
 * object through as it was. Then it is judged as it is.
 */
function violationsOf({ rule }: Policy, input: RuleInput<unknown>): readonly Violation[] {
  const { violations, patches } = ask(rule, input);
  return patches.length === 0 ? violations : ask(rule, { ...input, mutate: false }).violations;
}

function exceptionFrom(
  { call: { now }, request, object }: Asked,
  { exceptions }: Policy,
  { code }: Violation,
): PolicyException | undefined {
  if (exceptions.length === 0) return undefined;
  return findException(exceptions, { code, namespace: namespaceOf(request), object, now });
}

/** The ratchet: what the old object violates already is not a reason to refuse the new one. */
function fingerprintsBefore(asked: Asked, policy: Policy): ReadonlySet<string> {
  const { oldObject } = asked.request;
  if (asked.operation !== "UPDATE" || !oldObject || !policy.ratchet) return NOTHING_BEFORE;
  const { violations } = ask(policy.rule, ruleInput(asked, policy, oldObject, undefined));
  return new Set(violations.map(fingerprint));
}

const NOTHING_BEFORE: ReadonlySet<string> = new Set();

/**
 * A fault is known again by its code, field and subject; by its severity too, since what used to be worth a warning must
 * not excuse an error. Entries of lists are told apart by their subject, not by where they stand.
 */
function fingerprint({ code, severity, path, subject }: Violation): string {
  const field = subject === undefined ? path : path.replaceAll(/\/\d+(?=\/|$)/g, "/*");
  return JSON.stringify([code, severity, field, subject]);
}

function severityOf(policy: Policy, violation: Violation): Severity | "off" {
  const severity = Object.hasOwn(policy.severities, violation.code)
    ? policy.severities[violation.code]
    : violation.severity;
  return severity === "warning" && policy.promoteWarnings ? "error" : (severity ?? violation.severity);
}

function effectOf(policy: Policy, severity: Severity, username: string): Effect {
  if (severity === "warning" || policy.restoreServiceAccounts.includes(username)) return "warn";
  if (policy.validationActions.includes("Deny")) return "deny";
  return policy.validationActions.includes("Warn") ? "warn" : "audit";
}

/** A rule that is asynchronous against its type is a bug like one that throws: its verdict would be neither yes nor no. */
function ask(rule: Rule, input: RuleInput<unknown>): Verdict {
  const verdict: unknown = rule.evaluate(input);
  if (!(verdict instanceof Promise)) return verdict as Verdict;
  // Unhandled, its rejection would end the process.
  verdict.catch(() => {});
  throw new TypeError("a rule answered with a promise");
}

function ruleInput(
  { call, operation, request, resource }: Asked,
  policy: Policy,
  object: KubernetesObject,
  oldObject: KubernetesObject | undefined,
  patchesOnly?: boolean,
): RuleInput<unknown> {
  const { kind, namespace, username } = request;
  const trustedController = isTrustedController(username, policy.trustedControllers);
  return {
    operation,
    object,
    oldObject,
    request: { resource, kind, namespace, username, trustedController },
    now: call.now,
    params: policy.params,
    mutate: policy.mutate,
    patchesOnly,
  };
}
