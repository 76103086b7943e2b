import { jsonPointer } from "./json-pointer.ts";
import { type KubernetesObject, ownValue, type StringMap } from "./objects.ts";

/** The one operation of RFC 6902 that portcullis sends: `add` of a string leaf, or of the map that will hold it. */
export interface JsonPatchOperation {
  readonly op: "add";
  readonly path: string;
  readonly value: string | Readonly<Record<string, string>>;
}

/**
 * Patches that set annotations, leaf by leaf, and nothing when all are set already. Where the object has no annotations
 * (absent or null), one operation adds the map with the leaves in it: an `add` below a missing parent fails the user's
 * request whatever the failurePolicy.
 */
export function setAnnotations(object: KubernetesObject, wanted: StringMap): JsonPatchOperation[] {
  return setLeaves(object, "annotations", wanted);
}

/** The same for labels. */
export function setLabels(object: KubernetesObject, wanted: StringMap): JsonPatchOperation[] {
  return setLeaves(object, "labels", wanted);
}

function setLeaves(object: KubernetesObject, map: "labels" | "annotations", wanted: StringMap): JsonPatchOperation[] {
  // An object without metadata isn't from an API server, and nothing can be added below what isn't there.
  if (!object.metadata) return [];
  const current = object.metadata[map];
  const missing = Object.entries(wanted).filter(([key, value]) => ownValue(current, key) !== value);
  if (missing.length === 0) return [];
  if (current === undefined || current === null) {
    return [{ op: "add", path: jsonPointer("metadata", map), value: Object.fromEntries(missing) }];
  }
  return missing.map(([key, value]) => ({ op: "add", path: jsonPointer("metadata", map, key), value }));
}

const LABEL_OR_ANNOTATION = /^\/metadata\/(labels|annotations)(?:\/([^/]+))?$/;

/**
 * The object with the patches applied; the input is not written to. Throws on a patch that reaches beyond labels and
 * annotations, or that would not apply: this is the one place through which every patch of a rule goes.
 */
export function applyPatches(object: KubernetesObject, patches: readonly JsonPatchOperation[]): KubernetesObject {
  let current = object;
  for (const { path, value } of patches) {
    const [, map, segment] = LABEL_OR_ANNOTATION.exec(path) ?? [];
    if (map !== "labels" && map !== "annotations") throw new Error(`a rule may not patch ${path}`);
    if (!current.metadata || (segment !== undefined && !current.metadata[map]))
      throw new Error(`a rule patches ${path}, but there are no ${map}`);
    const key = segment?.replaceAll("~1", "/").replaceAll("~0", "~");
    const patched = key === undefined ? value : { ...current.metadata?.[map], [key]: value };
    current = { ...current, metadata: { ...current.metadata, [map]: patched as Readonly<Record<string, string>> } };
  }
  return current;
}
