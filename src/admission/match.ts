import { annotationOf, groupResource } from "../kube/objects.ts";
import type { CompiledFiles } from "../policy/files.ts";
import { CANARY_ENTRY, POLICIES_ENTRY, type Policy } from "../policy/policy.ts";
import type { PolicyIndex } from "../policy/policy-index.ts";
import type { JudgedOperation } from "../rules/rule.ts";
import { checkDeadline } from "./deadline.ts";
import { policyFilesOf, tooLarge } from "./policy-files.ts";
import type { AdmissionRequest, Call, SkipReason } from "./types.ts";

/** What the next stage has to do with the request. */
export type Match =
  | { readonly kind: "canary" }
  | { readonly kind: "policy-files"; readonly checked: CompiledFiles }
  | { readonly kind: "skip"; readonly reason: SkipReason }
  | { readonly kind: "judge"; readonly operation: JudgedOperation; readonly policies: readonly Policy[] };

export function match(call: Call, request: AdmissionRequest, policies: PolicyIndex): Match {
  if (call.phase === "validate" && call.entry === CANARY_ENTRY) return { kind: "canary" };
  const { operation } = request;
  if (operation !== "CREATE" && operation !== "UPDATE") return { kind: "skip", reason: "operation" };
  const reason = skipReason(request);
  if (reason) return { kind: "skip", reason };
  const { phase, entry } = call;
  if (phase === "validate" && entry === POLICIES_ENTRY) {
    const files = policyFilesOf(request);
    return files === undefined
      ? { kind: "judge", operation, policies: [] }
      : { kind: "policy-files", checked: tooLarge(files) ?? policies.checkFiles(files, () => checkDeadline(call)) };
  }
  const resource = groupResource(request.resource);
  const { username, groups } = request;
  const query = { phase, entry, operation, resource, namespace: namespaceOf(request), requester: { username, groups } };
  return { kind: "judge", operation, policies: policies.matching(query) };
}

/** A Namespace counts as in itself, which a request says only once it has a name: of `generateName` the beginning counts. */
export function namespaceOf({ namespace, resource, object }: AdmissionRequest): string {
  if (namespace !== "" || resource.group !== "" || resource.resource !== "namespaces") return namespace;
  return object?.metadata?.name || object?.metadata?.generateName || "";
}

function skipReason({ subResource, object, oldObject, resource }: AdmissionRequest): SkipReason | undefined {
  // A subresource carries another kind of object (Scale, Eviction, …) or is the work of controllers.
  if (subResource !== "") return "subresource";
  // Whoever is refused while an object goes away can't take its finalizers off: it, and its namespace, would stay forever.
  if (object?.metadata?.deletionTimestamp || oldObject?.metadata?.deletionTimestamp) return "being-deleted";
  // The kubelet's picture of a static Pod that runs already. A forged one gains nothing: a kubelet never starts a Pod
  // that carries this annotation, it deletes it.
  if (resource.group === "" && resource.resource === "pods" && annotationOf(object, "kubernetes.io/config.mirror")) {
    return "mirror-pod";
  }
  return undefined;
}
