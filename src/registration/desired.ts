/**
 * What the cluster should hold, derived from the policies: the two webhook configurations, as plain data.
 * Reading and writing them is src/cluster; when, is init.
 */
import type { LabelSelector, LabelSelectorRequirement } from "../kube/selectors.ts";
import {
  ALWAYS_EXCLUDED_NAMESPACES,
  CANARY_ENTRY,
  DEFAULT_ENTRY,
  entryKeyOf,
  entryOf,
  type FailurePolicy,
  type Phase,
  POLICIES_ENTRY,
  POLICIES_LABEL,
  type Policy,
} from "../policy/policy.ts";
import { shortDigest } from "../policy/policy-hash.ts";
import type { JudgedOperation, ResourceRule } from "../rules/rule.ts";
import { type MatchCondition, matchConditionsOf } from "./match-conditions.ts";

export interface RegistrationTarget {
  readonly service: string;
  readonly namespace: string;
  readonly servicePort: number;
  /** Added to those that are always left out: kube-system, kube-public, kube-node-lease and `namespace`. */
  readonly excludeNamespaces: readonly string[];
}

/** One entry of `webhooks`, without a caBundle. Field names are those of admissionregistration.k8s.io/v1. */
export interface DesiredWebhook {
  readonly name: string;
  readonly clientConfig: {
    readonly service: {
      readonly name: string;
      readonly namespace: string;
      readonly path: string;
      readonly port: number;
    };
  };
  readonly rules: readonly WebhookRule[];
  readonly failurePolicy: FailurePolicy;
  readonly matchPolicy: "Equivalent";
  readonly namespaceSelector: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly matchConditions?: readonly MatchCondition[];
  readonly sideEffects: "None";
  readonly timeoutSeconds: number;
  readonly admissionReviewVersions: readonly ["v1"];
  readonly reinvocationPolicy?: "IfNeeded";
}

export interface WebhookRule {
  readonly apiGroups: readonly [string];
  readonly apiVersions: readonly [string];
  readonly operations: readonly string[];
  readonly resources: readonly string[];
  readonly scope: "Namespaced" | "Cluster";
}

/** Every entry of ours ends in it. */
export const DOMAIN = "portcullis.dev";
/** Mutating webhooks are called one after the other, so they must be the quicker ones. */
const TIMEOUT_SECONDS = { mutate: 2, validate: 5 } as const;
const CLUSTER_SCOPED: ReadonlySet<string> = new Set(["namespaces"]);
/** The label that makes a ConfigMap of our namespace the canary. */
export const CANARY_LABEL = `${DOMAIN}/canary`;
/** The name of the entry that refuses it. */
export const CANARY_WEBHOOK = webhookName("validate", CANARY_ENTRY);

/** The entries of one phase, the default one first; at the end of the validating ones those of our own namespace. */
export function desiredWebhooks(
  phase: Phase,
  policies: readonly Policy[],
  target: RegistrationTarget,
): readonly DesiredWebhook[] {
  const byEntry = new Map<string, Policy[]>();
  for (const policy of policies) {
    if (requestsOf(phase, policy).length === 0) continue;
    const entry = entryOf(phase, policy);
    byEntry.set(entry, [...(byEntry.get(entry) ?? []), policy]);
  }
  const entries = [...byEntry].sort(([a], [b]) => (a < b ? -1 : 1));
  const webhooks = entries.map(([entry, members]) => desiredWebhook(phase, entry, members, target));
  return phase === "validate" ? [...webhooks, canaryWebhook(target), policiesWebhook(target)] : webhooks;
}

function desiredWebhook(
  phase: Phase,
  entry: string,
  policies: readonly Policy[],
  target: RegistrationTarget,
): DesiredWebhook {
  const [first] = policies;
  if (!first) throw new Error("an entry has at least one policy");
  const { failurePolicy, namespaceSelector, objectSelector } = entryKeyOf(phase, first);
  const matchConditions = matchConditionsOf(phase, policies);
  return {
    ...webhook(phase, entry, target),
    rules: mergeRules(policies.flatMap((policy) => requestsOf(phase, policy))),
    failurePolicy,
    namespaceSelector: withExclusions(namespaceSelector, target),
    ...(objectSelector ? { objectSelector } : {}),
    ...(matchConditions.length > 0 ? { matchConditions } : {}),
    ...(phase === "mutate" ? { reinvocationPolicy: "IfNeeded" as const } : {}),
  };
}

/** Refuses what only a test of enforcement makes, in our own namespace: the proof that calls arrive. */
function canaryWebhook(target: RegistrationTarget): DesiredWebhook {
  return configMapWebhook(CANARY_ENTRY, ["CREATE"], CANARY_LABEL, target);
}

/** A bad policy is refused where it is written, before a rollout has to find out. */
function policiesWebhook(target: RegistrationTarget): DesiredWebhook {
  return configMapWebhook(POLICIES_ENTRY, ["CREATE", "UPDATE"], POLICIES_LABEL, target);
}

/** In our own namespace alone, and never in the way of anything: Ignore. */
function configMapWebhook(
  entry: string,
  operations: readonly JudgedOperation[],
  label: string,
  target: RegistrationTarget,
): DesiredWebhook {
  return {
    ...webhook("validate", entry, target),
    rules: [{ apiGroups: [""], apiVersions: ["v1"], operations, resources: ["configmaps"], scope: "Namespaced" }],
    failurePolicy: "Ignore",
    namespaceSelector: { matchExpressions: [nameRequirement("In", [target.namespace])] },
    objectSelector: { matchLabels: { [label]: "true" } },
  };
}

function webhook(phase: Phase, entry: string, { service, namespace, servicePort }: RegistrationTarget) {
  const path = entry === DEFAULT_ENTRY ? `/${phase}` : `/${phase}/${entry}`;
  return {
    name: webhookName(phase, entry),
    clientConfig: { service: { name: service, namespace, path, port: servicePort } },
    matchPolicy: "Equivalent",
    sideEffects: "None",
    timeoutSeconds: TIMEOUT_SECONDS[phase],
    admissionReviewVersions: ["v1"],
  } as const;
}

export function webhookName(phase: Phase, entry: string): string {
  if (entry === CANARY_ENTRY || entry === POLICIES_ENTRY) return `${entry}.${DOMAIN}`;
  return entry === DEFAULT_ENTRY ? `${phase}.${DOMAIN}` : `${entry}.${phase}.${DOMAIN}`;
}

function requestsOf(phase: Phase, policy: Policy): readonly ResourceRule[] {
  return phase === "mutate" ? policy.mutates : policy.validates;
}

/** Every resource with the union of its operations; resources of one group, version and operations share a rule. */
function mergeRules(requests: readonly ResourceRule[]): readonly WebhookRule[] {
  const operationsOf = new Map<
    string,
    { readonly rule: ResourceRule; readonly resource: string; readonly operations: Set<JudgedOperation> }
  >();
  for (const rule of requests) {
    for (const resource of rule.resources) {
      const key = `${rule.group}/${rule.version}/${resource}`;
      const known = operationsOf.get(key) ?? { rule, resource, operations: new Set() };
      for (const operation of rule.operations) known.operations.add(operation);
      operationsOf.set(key, known);
    }
  }
  const merged = new Map<string, WebhookRule>();
  for (const [, { rule, resource, operations }] of [...operationsOf].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const scope = CLUSTER_SCOPED.has(resource) ? "Cluster" : "Namespaced";
    const sorted = [...operations].sort();
    const key = [rule.group, rule.version, scope, ...sorted].join("/");
    const resources = [...(merged.get(key)?.resources ?? []), resource];
    merged.set(key, { apiGroups: [rule.group], apiVersions: [rule.version], operations: sorted, resources, scope });
  }
  return [...merged.values()];
}

/** By name, which the API server sets itself: a label that anybody may put on a namespace must not lead out of the policies. */
function withExclusions(selector: LabelSelector | undefined, target: RegistrationTarget): LabelSelector {
  const excluded = [...new Set([...ALWAYS_EXCLUDED_NAMESPACES, target.namespace, ...target.excludeNamespaces])];
  return {
    ...(selector?.matchLabels ? { matchLabels: selector.matchLabels } : {}),
    matchExpressions: [nameRequirement("NotIn", excluded), ...(selector?.matchExpressions ?? [])],
  };
}

function nameRequirement(operator: "In" | "NotIn", values: readonly string[]): LabelSelectorRequirement {
  return { key: "kubernetes.io/metadata.name", operator, values };
}

/** Entries depend on names and namespaces that a comparison of policies is not about. */
const ANYWHERE: RegistrationTarget = { service: "", namespace: "", servicePort: 443, excludeNamespaces: [] };

/** 12 hex digits that differ when two sets of policies ask for different entries. */
export function registrationHash(policies: readonly Policy[]): string {
  const phases = ["mutate", "validate"] as const;
  return shortDigest(phases.map((phase) => desiredWebhooks(phase, policies, ANYWHERE)));
}
