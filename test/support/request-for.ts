import type { KubernetesObject } from "../../src/kube/objects.ts";
import { resourceOf } from "./cases.ts";
import { requestOf } from "./reviews.ts";

/** The `request` of a review that creates the object, or updates `oldObject`; its resource follows from its kind. */
export function requestFor(
  object: KubernetesObject,
  oldObject?: KubernetesObject,
  parts: object = {},
): Readonly<Record<string, unknown>> {
  const [resource = "", ...groups] = resourceOf(object).split(".");
  const type = { group: groups.join("."), version: String(object.apiVersion).split("/").at(-1) };
  return requestOf({
    kind: { ...type, kind: object.kind },
    resource: { ...type, resource },
    requestKind: { ...type, kind: object.kind },
    requestResource: { ...type, resource },
    operation: oldObject ? "UPDATE" : "CREATE",
    object,
    oldObject: oldObject ?? null,
    ...parts,
  });
}
