import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { Case } from "./cases.ts";
import { requestOf } from "./reviews.ts";

/** The `request` of a review that asks about `object` as the case has it. */
export function requestOfCase(entry: Case, object: KubernetesObject): Readonly<Record<string, unknown>> {
  const [resource = "", ...group] = entry.resource.split(".");
  const version = String(entry.object.apiVersion).split("/").at(-1);
  return requestOf({
    kind: { group: group.join("."), version, kind: entry.object.kind },
    resource: { group: group.join("."), version, resource },
    namespace: entry.namespace,
    name: object.metadata?.name,
    operation: entry.operation,
    userInfo: { username: entry.username },
    object,
    oldObject: entry.oldObject,
  });
}
