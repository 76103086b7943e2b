import { matchesGlob } from "../kube/glob.ts";
import { groupResource } from "../kube/objects.ts";
import type { JudgedOperation, ResourceRule } from "../rules/rule.ts";
import { CANARY_ENTRY, entryOf, type NamespaceMatch, type Phase, type Policy } from "./policy.ts";

/** What the index needs to know of a request. */
export interface PolicyQuery {
  readonly phase: Phase;
  readonly entry: string;
  readonly operation: JudgedOperation;
  /** `deployments.apps`, `pods`. */
  readonly resource: string;
  readonly namespace: string;
}

/** Policies by entry, resource and operation, so that a policy that can't match a request costs it nothing. */
export interface PolicyIndex {
  readonly policies: readonly Policy[];
  /** False for an entry that no policy asks for: a newer or an older set of policies registered it. */
  knowsEntry(phase: Phase, entry: string): boolean;
  /** Whether any policy is about this resource. */
  knowsResource(resource: string): boolean;
  matching(query: PolicyQuery): readonly Policy[];
}

export function indexPolicies(policies: readonly Policy[]): PolicyIndex {
  const byEntry = new Map<string, Map<string, Policy[]>>();
  const withoutSelectors = new Map<string, Map<string, Policy[]>>();
  for (const phase of ["mutate", "validate"] as const) {
    for (const policy of policies) {
      const requests = phase === "mutate" ? policy.mutates : policy.validates;
      if (requests.length === 0) continue;
      addTo(byEntry, `${phase}/${entryOf(phase, policy)}`, policy, requests);
      if (!policy.namespaceSelector && !policy.objectSelector) addTo(withoutSelectors, phase, policy, requests);
    }
  }
  const resources = new Set(
    policies.flatMap((policy) => [...policy.validates, ...policy.mutates]).flatMap(groupResourcesOf),
  );
  return {
    policies,
    knowsResource: (resource) => resources.has(resource),
    knowsEntry: (phase, entry) => entry === CANARY_ENTRY || byEntry.has(`${phase}/${entry}`),
    matching({ phase, entry, operation, resource, namespace }) {
      // In a rollout old and new policies live side by side: an entry of the other ones is judged by all policies whose
      // match needs no selector, never waved through.
      const requests = byEntry.get(`${phase}/${entry}`) ?? withoutSelectors.get(phase);
      const candidates = requests?.get(requestKey(operation, resource)) ?? [];
      return candidates.filter((policy) => matchesNamespace(policy.namespaces, namespace));
    },
  };
}

function addTo(
  entries: Map<string, Map<string, Policy[]>>,
  entry: string,
  policy: Policy,
  requests: Policy["validates"],
): void {
  let byRequest = entries.get(entry);
  if (!byRequest) {
    byRequest = new Map();
    entries.set(entry, byRequest);
  }
  for (const rule of requests) {
    for (const resource of groupResourcesOf(rule)) {
      for (const operation of rule.operations) {
        const key = requestKey(operation, resource);
        const list = byRequest.get(key);
        if (list) list.push(policy);
        else byRequest.set(key, [policy]);
      }
    }
  }
}

function groupResourcesOf(rule: ResourceRule): readonly string[] {
  return rule.resources.map((resource) => groupResource({ ...rule, resource }));
}

function requestKey(operation: JudgedOperation, resource: string): string {
  return `${operation} ${resource}`;
}

function matchesNamespace({ include, exclude }: NamespaceMatch, namespace: string): boolean {
  if (exclude?.some((pattern) => matchesGlob(pattern, namespace))) return false;
  return include === undefined || include.some((pattern) => matchesGlob(pattern, namespace));
}
