/** matchConditions of an entry: CEL by which the API server doesn't send what no policy has a verdict on. */
import { celString } from "../kube/cel.ts";
import { groupResource } from "../kube/objects.ts";
import { CONTROLLER_MANAGER, KUBE_SYSTEM_CONTROLLER } from "../kube/owners.ts";
import type { Phase, Policy } from "../policy/policy.ts";
import type { ResourceRule } from "../rules/rule.ts";

/** CEL that must be true for a request to be sent. */
export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/**
 * No rule has a verdict on a Pod that kube-system's controllers make for an owner (src/kube/owners.ts), so they need not ask:
 * a DaemonSet's Pod, of a network plugin say, comes up on a new node while nobody answers here and failurePolicy is Fail.
 */
const NOT_MADE_BY_A_CONTROLLER: MatchCondition = {
  name: "not-made-by-a-controller",
  expression:
    "request.resource.resource != 'pods'" +
    ` || !(request.userInfo.username.matches('${KUBE_SYSTEM_CONTROLLER.source}')` +
    ` || request.userInfo.username == '${CONTROLLER_MANAGER}')` +
    " || !has(object.metadata.ownerReferences)" +
    " || !object.metadata.ownerReferences.exists(owner, has(owner.controller) && owner.controller)",
};

/**
 * Nor on an object that goes away (src/admission/match.ts): its finalizers can be taken off, and its namespace go, while nobody
 * answers here.
 */
const NOT_BEING_DELETED: MatchCondition = {
  name: "not-being-deleted",
  expression: "request.operation != 'UPDATE' || !has(oldObject.metadata.deletionTimestamp)",
};

/** Where more policies than this have an expression each, asking us is cheaper than evaluating them all. */
const MAX_EXPRESSION_CHARACTERS = 8 * 1024;

/** Beside those for all entries, one for each resource on which every policy of the entry says what it has no verdict on. */
export function matchConditionsOf(phase: Phase, policies: readonly Policy[]): readonly MatchCondition[] {
  const byResource = new Map<string, { readonly rule: ResourceRule; readonly policies: Policy[] }>();
  let hasUpdates = false;
  for (const policy of policies) {
    for (const rule of phase === "mutate" ? policy.mutates : policy.validates) {
      hasUpdates ||= rule.operations.includes("UPDATE");
      for (const resource of rule.resources) {
        const entry = byResource.get(groupResource({ ...rule, resource })) ?? { rule, policies: [] };
        if (!entry.policies.includes(policy)) entry.policies.push(policy);
        byResource.set(groupResource({ ...rule, resource }), entry);
      }
    }
  }
  const prefilters = [...byResource]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([resource, entry]) => prefilterOf(phase, resource, entry.rule, entry.policies) ?? []);
  return [
    ...(hasUpdates ? [NOT_BEING_DELETED] : []),
    ...(phase === "validate" && byResource.has("pods") ? [NOT_MADE_BY_A_CONTROLLER] : []),
    ...prefilters,
  ];
}

function prefilterOf(
  phase: Phase,
  resource: string,
  { group }: ResourceRule,
  policies: readonly Policy[],
): MatchCondition | undefined {
  const expressions = new Set<string>();
  for (const { rule, params, mutate } of policies) {
    const expression = rule.prefilter?.({ phase, resource, params, mutate });
    if (expression === undefined) return undefined;
    expressions.add(`(${expression})`);
  }
  const [plural = ""] = resource.split(".");
  const isOther = `request.resource.group != ${celString(group)} || request.resource.resource != ${celString(plural)}`;
  // Sorted: a policy file that gets another name must not look like other webhooks.
  const expression = [isOther, ...[...expressions].sort()].join(" || ");
  return expression.length > MAX_EXPRESSION_CHARACTERS ? undefined : { name: resource, expression };
}
