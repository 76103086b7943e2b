/** One change of an object, as each command of kubectl that can make it. */
import type { KubernetesObject, StringMap } from "../../src/kube/objects.ts";

export interface KubectlUpdate {
  readonly args: readonly string[];
  readonly stdin?: string;
  /** What the user's editor leaves in the place of what it is given. */
  readonly edited?: string;
}

/** With `--dry-run=server`, but for `edit`, which has none: what it is let do, it does. So it comes last. */
export function kubectlUpdatesOf(
  resource: string,
  stored: KubernetesObject,
  updated: KubernetesObject,
): Readonly<Record<string, KubectlUpdate>> {
  const { name = "", namespace = "" } = stored.metadata ?? {};
  const target = [resource, name, "-n", namespace];
  const text = JSON.stringify(updated);
  const verbs = { label: "labels", annotate: "annotations" } as const;
  const ofMetadata = Object.entries(verbs).flatMap(([verb, map]): [string, KubectlUpdate][] => {
    const isAll = JSON.stringify(without(stored, map)) === JSON.stringify(without(updated, map));
    const changes = changesOf(stored.metadata?.[map] ?? {}, updated.metadata?.[map] ?? {});
    if (!isAll || changes.length === 0) return [];
    return [[verb, { args: [verb, ...target, "--overwrite", "--dry-run=server", ...changes] }]];
  });
  return {
    ...Object.fromEntries(ofMetadata),
    replace: { args: ["replace", "--dry-run=server", "-f", "-"], stdin: text },
    // Who changes nothing has only looked.
    ...(text === JSON.stringify(stored) ? {} : { edit: { args: ["edit", ...target], edited: text } }),
  };
}

function without(object: KubernetesObject, map: "labels" | "annotations"): object {
  const { [map]: _, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
}

/** `key=value` of what is new or other, `key-` of what is gone. */
function changesOf(before: StringMap, after: StringMap): readonly string[] {
  const set = Object.entries(after).filter(([key, value]) => before[key] !== value);
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return [...set.map(([key, value]) => `${key}=${value}`), ...gone.map((key) => `${key}-`)];
}
