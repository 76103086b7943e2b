/** How far all policies together are in force, whatever each of them says. */
import type { LabelSelector, LabelSelectorRequirement } from "../kube/selectors.ts";
import { hasSelector, type Policy, type ValidationAction } from "./policy.ts";
import { digestSpec } from "./policy-hash.ts";

export const ENFORCEMENT_MODES = ["enforce", "enforceLabelled", "auditOnly"] as const;
export type EnforcementMode = (typeof ENFORCEMENT_MODES)[number];

/** The label, with the value "true", of the namespaces in which policies deny under `enforceLabelled`. */
export const ENFORCE_LABEL = "portcullis.dev/enforce";

/**
 * `enforce`: as they are. `auditOnly`: none refuses anything, by a verdict or by being out of reach. `enforceLabelled`: as they are in
 * namespaces with the label, as in `auditOnly` elsewhere. A policy that does both becomes two of the same name, of which the
 * API server picks one by the namespace's labels.
 */
export function enforcePolicies(policies: readonly Policy[], mode: EnforcementMode): readonly Policy[] {
  if (mode === "enforce") return policies;
  return policies.flatMap((policy) => {
    if (!policy.validationActions.includes("Deny") && policy.failurePolicy === "Ignore") return [policy];
    const harmless: Policy = { ...policy, validationActions: withoutDeny(policy), failurePolicy: "Ignore" };
    if (mode === "auditOnly") return [distinguish(harmless, mode)];
    return [half(policy, "labelled"), half(harmless, "others")];
  });
}

function half(policy: Policy, which: NonNullable<Policy["half"]>): Policy {
  const operator = which === "labelled" ? "In" : "NotIn";
  const namespaceSelector = and(policy, { key: ENFORCE_LABEL, operator, values: ["true"] });
  return distinguish({ ...policy, namespaceSelector, ...(hasSelector(policy) ? {} : { half: which }) }, which);
}

function withoutDeny({ validationActions }: Policy): readonly ValidationAction[] {
  return validationActions.includes("Deny") ? ["Warn", "Audit"] : validationActions;
}

function and({ namespaceSelector }: Policy, requirement: LabelSelectorRequirement): LabelSelector {
  return { ...namespaceSelector, matchExpressions: [...(namespaceSelector?.matchExpressions ?? []), requirement] };
}

/** The hash of the policies differs with the mode, and so a change of it is a rollout. */
function distinguish(policy: Policy, how: string): Policy {
  return Object.freeze({ ...policy, specDigest: digestSpec({ spec: policy.specDigest, half: how }) });
}
