import { matchesGlob } from "../kube/glob.ts";
import { groupResource, type StringMap } from "../kube/objects.ts";
import { matchesSelector } from "../kube/selectors.ts";
import type { JudgedOperation, ResourceRule, Rule } from "../rules/rule.ts";
import { type CompiledFiles, compileFiles, type PolicyFiles } from "./files.ts";
import {
  CANARY_ENTRY,
  DEFAULT_ENTRY,
  entryOf,
  hasSelector,
  type NamespaceMatch,
  type Phase,
  POLICIES_ENTRY,
  type Policy,
} from "./policy.ts";
import { matchesSubjects, type Requester } from "./subjects.ts";

/** What the index needs to know of a request. */
export interface PolicyQuery {
  readonly phase: Phase;
  readonly entry: string;
  readonly operation: JudgedOperation;
  /** `deployments.apps`, `pods`. */
  readonly resource: string;
  readonly namespace: string;
  readonly requester: Requester;
}

/** What the API server knows and a request doesn't say, for a policy that is asked without it. */
export interface SelectedLabels {
  readonly namespace: StringMap;
  readonly object: StringMap;
}

/** Policies by entry, resource and operation, so that a policy that can't match a request costs it nothing. */
export interface PolicyIndex {
  readonly policies: readonly Policy[];
  /** False for an entry that no policy asks for: a newer or an older set of policies registered it. */
  knowsEntry(phase: Phase, entry: string): boolean;
  /** Whether any policy is about this resource. */
  knowsResource(resource: string): boolean;
  matching(query: PolicyQuery): readonly Policy[];
  /** Without an API server: all policies of every entry whose selectors match, too. */
  selecting(query: Omit<PolicyQuery, "entry">, labels: SelectedLabels): readonly Policy[];
  /** What would be wrong with these files; exceptions in them may name the policies of the index. `pause` may throw. */
  checkFiles(files: PolicyFiles, pause?: () => void): CompiledFiles;
}

/** `rules`: those that policy files may name. */
export function indexPolicies(policies: readonly Policy[], rules: readonly Rule[] = []): PolicyIndex {
  const byEntry = new Map<string, Map<string, Candidates>>();
  const forUnknown = new Map<string, Map<string, Candidates>>();
  for (const phase of ["mutate", "validate"] as const) {
    for (const policy of policies) {
      const requests = phase === "mutate" ? policy.mutates : policy.validates;
      if (requests.length === 0) continue;
      addTo(byEntry, `${phase}/${entryOf(phase, policy)}`, policy, requests);
      if (hasSelector(policy) && policy.half === undefined) continue;
      // Before enforceLabelled the default entry was all there was, and its policies denied.
      if (policy.half !== "others") addTo(forUnknown, `${phase}/default`, policy, requests);
      if (policy.half !== "labelled") addTo(forUnknown, `${phase}/other`, policy, requests);
    }
  }
  const resources = new Set(
    policies.flatMap((policy) => [...policy.validates, ...policy.mutates]).flatMap(groupResourcesOf),
  );
  return {
    policies,
    knowsResource: (resource) => resources.has(resource),
    knowsEntry: (phase, entry) => OWN_ENTRIES.includes(entry) || byEntry.has(`${phase}/${entry}`),
    matching({ phase, entry, operation, resource, namespace, requester }) {
      // In a rollout old and new policies live side by side: an entry of the other ones is judged by all policies whose
      // match needs no selector, never waved through.
      const requests =
        byEntry.get(`${phase}/${entry}`) ?? forUnknown.get(`${phase}/${entry === DEFAULT_ENTRY ? "default" : "other"}`);
      const candidates = requests?.get(requestKey(operation, resource));
      if (candidates === undefined) return [];
      const found = policiesIn(namespace, candidates);
      return candidates.hasSubjects ? found.filter(({ subjects }) => matchesSubjects(subjects, requester)) : found;
    },
    selecting({ phase, operation, resource, namespace, requester }, labels) {
      return policies.filter(
        (policy) =>
          (phase === "mutate" ? policy.mutates : policy.validates).some(
            (rule) => rule.operations.includes(operation) && groupResourcesOf(rule).includes(resource),
          ) &&
          matchesNamespace(policy.namespaces, namespace) &&
          matchesSubjects(policy.subjects, requester) &&
          matchesSelector(policy.namespaceSelector, labels.namespace) &&
          matchesSelector(policy.objectSelector, labels.object),
      );
    },
    checkFiles: (files, pause) => compileFiles(files, rules, { elsewhere: policies, pause }),
  };
}

/** Not for any policy's sake. */
const OWN_ENTRIES: readonly string[] = [CANARY_ENTRY, POLICIES_ENTRY];

/** The policies for an entry, a resource and an operation, and for each namespace those of them that are about it. */
interface Candidates {
  readonly policies: Policy[];
  /** Whether any of them asks who the requester is. */
  hasSubjects: boolean;
  readonly byNamespace: Map<string, readonly Policy[]>;
}

/** Of a cluster's namespaces; others that callers make up only make this forget. */
const MAX_REMEMBERED = 1000;
/** RFC 1123 label: a longer one is no namespace, and not worth its memory. */
const MAX_NAMESPACE_CHARACTERS = 63;

function policiesIn(namespace: string, { policies, byNamespace }: Candidates): readonly Policy[] {
  const known = byNamespace.get(namespace);
  if (known !== undefined) return known;
  const found = policies.filter((policy) => matchesNamespace(policy.namespaces, namespace));
  if (namespace.length > MAX_NAMESPACE_CHARACTERS) return found;
  if (byNamespace.size >= MAX_REMEMBERED) byNamespace.clear();
  byNamespace.set(namespace, found);
  return found;
}

function addTo(
  entries: Map<string, Map<string, Candidates>>,
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
        const candidates: Candidates = byRequest.get(key) ?? {
          policies: [],
          hasSubjects: false,
          byNamespace: new Map(),
        };
        candidates.policies.push(policy);
        candidates.hasSubjects ||= Boolean(policy.subjects.include ?? policy.subjects.exclude);
        byRequest.set(key, candidates);
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
