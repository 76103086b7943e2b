/** One change of an object, as each kind of request that can make it. */
import jsonPatch from "fast-json-patch";
import { isRecord, type KubernetesObject } from "../../src/kube/objects.ts";
import type { ApiRequest } from "./api-client.ts";

export type UpdateRequest = Pick<ApiRequest, "method" | "body" | "contentType">;

export function putOf(updated: KubernetesObject): UpdateRequest {
  return { method: "PUT", body: updated };
}

export function jsonPatchOf(stored: KubernetesObject, updated: KubernetesObject): UpdateRequest {
  const body = jsonPatch.compare(stored as object, withoutUndefined(updated) as object);
  return { method: "PATCH", contentType: "application/json-patch+json", body };
}

/** RFC 7386. */
export function mergePatchOf(stored: KubernetesObject, updated: KubernetesObject): UpdateRequest {
  const body = diffMaps(stored, withoutUndefined(updated) as Fields, (_field, _from, to) => to);
  return { method: "PATCH", contentType: "application/merge-patch+json", body };
}

/** With the lists of the kinds that the API server merges by a key, and not as a whole, merged as `kubectl apply` does. */
export function strategicMergePatchOf(stored: KubernetesObject, updated: KubernetesObject): UpdateRequest {
  const body = diffMaps(stored, withoutUndefined(updated) as Fields, diffLists);
  return { method: "PATCH", contentType: "application/strategic-merge-patch+json", body };
}

/** The whole of what is wanted: what the same manager has applied before and isn't in it goes away. */
export function applyOf(wanted: KubernetesObject): UpdateRequest {
  return { method: "PATCH", contentType: "application/apply-patch+yaml", body: wanted };
}

type Fields = Readonly<Record<string, unknown>>;
type ListDiff = (field: string, from: readonly unknown[], to: readonly unknown[]) => unknown;

/** As a request carries it. */
function withoutUndefined(object: KubernetesObject): unknown {
  return JSON.parse(JSON.stringify(object));
}

function diffMaps(from: Fields, to: Fields, diffOfLists: ListDiff): Record<string, unknown> {
  const diff: Record<string, unknown> = {};
  for (const field of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [before, after] = [from[field], to[field]];
    if (after === undefined) diff[field] = null;
    else if (JSON.stringify(before) === JSON.stringify(after)) continue;
    else if (isRecord(before) && isRecord(after)) diff[field] = diffMaps(before, after, diffOfLists);
    else if (Array.isArray(before) && Array.isArray(after)) diff[field] = diffOfLists(field, before, after);
    else diff[field] = after;
  }
  return diff;
}

/** `patchMergeKey` of the lists that the cases change; every other one is replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = { containers: "name", env: "name", volumes: "name" };

function diffLists(field: string, from: readonly unknown[], to: readonly unknown[]): unknown {
  const key = MERGE_KEYS[field];
  if (key === undefined) return to;
  const keyOf = (entry: unknown) => (entry as Fields)[key];
  const changed = to.flatMap((entry) => {
    const before = from.find((candidate) => keyOf(candidate) === keyOf(entry));
    if (before === undefined) return entry;
    const diff = diffMaps(before as Fields, entry as Fields, diffLists);
    return Object.keys(diff).length === 0 ? [] : { ...diff, [key]: keyOf(entry) };
  });
  const gone = from.filter((entry) => !to.some((candidate) => keyOf(candidate) === keyOf(entry)));
  return [...changed, ...gone.map((entry) => ({ $patch: "delete", [key]: keyOf(entry) }))];
}
