/**
 * What the cluster should hold, derived from the policies: the two webhook configurations, as plain data.
 * Reading and writing them is src/cluster; when, is init.
 */
import { CONTROLLER_MANAGER, KUBE_SYSTEM_CONTROLLER } from "../kube/owners.ts";
import type { LabelSelector, LabelSelectorRequirement } from "../kube/selectors.ts";
import {
  CANARY_ENTRY,
  DEFAULT_ENTRY,
  entryKeyOf,
  entryOf,
  type FailurePolicy,
  type Phase,
  type Policy,
} from "../policy/policy.ts";
import type { JudgedOperation, ResourceRule } from "../rules/rule.ts";

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

/** CEL that must be true for a request to be sent. */
export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
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
const ALWAYS_EXCLUDED = ["kube-system", "kube-public", "kube-node-lease"];
/** Mutating webhooks are called one after the other, so they must be the quicker ones. */
const TIMEOUT_SECONDS = { mutate: 2, validate: 5 } as const;
const CLUSTER_SCOPED: ReadonlySet<string> = new Set(["namespaces"]);
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

/** The label that makes a ConfigMap of our namespace the canary. */
export const CANARY_LABEL = `${DOMAIN}/canary`;
/** The name of the entry that refuses it. */
export const CANARY_WEBHOOK = webhookName("validate", CANARY_ENTRY);

/** The entries of one phase, the default one first; with the canary at the end of the validating ones. */
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
  return phase === "validate" ? [...webhooks, canaryWebhook(target)] : webhooks;
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
  const rules = mergeRules(policies.flatMap((policy) => requestsOf(phase, policy)));
  const asksAboutPods = rules.some(({ resources }) => resources.includes("pods"));
  return {
    ...webhook(phase, entry, target),
    rules,
    failurePolicy,
    namespaceSelector: withExclusions(namespaceSelector, target),
    ...(objectSelector ? { objectSelector } : {}),
    ...(phase === "validate" && asksAboutPods ? { matchConditions: [NOT_MADE_BY_A_CONTROLLER] } : {}),
    ...(phase === "mutate" ? { reinvocationPolicy: "IfNeeded" as const } : {}),
  };
}

/** Refuses what only a test of enforcement makes, in our own namespace: the proof that calls arrive. */
function canaryWebhook(target: RegistrationTarget): DesiredWebhook {
  return {
    ...webhook("validate", CANARY_ENTRY, target),
    rules: [
      { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"], scope: "Namespaced" },
    ],
    failurePolicy: "Ignore",
    namespaceSelector: { matchExpressions: [nameRequirement("In", [target.namespace])] },
    objectSelector: { matchLabels: { [CANARY_LABEL]: "true" } },
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
  if (entry === CANARY_ENTRY) return `${CANARY_ENTRY}.${DOMAIN}`;
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
  const excluded = [...new Set([...ALWAYS_EXCLUDED, target.namespace, ...target.excludeNamespaces])];
  return {
    ...(selector?.matchLabels ? { matchLabels: selector.matchLabels } : {}),
    matchExpressions: [nameRequirement("NotIn", excluded), ...(selector?.matchExpressions ?? [])],
  };
}

function nameRequirement(operator: "In" | "NotIn", values: readonly string[]): LabelSelectorRequirement {
  return { key: "kubernetes.io/metadata.name", operator, values };
}
