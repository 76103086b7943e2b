/** The variables of a Pod's containers that are written out where they are. */
import { jsonPointer } from "../../kube/json-pointer.ts";
import { isRecord, stringField } from "../../kube/objects.ts";
import type { PodTemplate } from "../../kube/pod-template.ts";

export interface Variable {
  /** JSON pointer of its entry in `env`. */
  readonly pointer: string;
  /** `container`, `init container`, `ephemeral container`. */
  readonly sort: string;
  readonly container: string;
  readonly name: string;
  readonly value: string;
}

/** Kinds of containers, by the field that lists them. */
export const CONTAINER_FIELDS = {
  containers: "container",
  initContainers: "init container",
  ephemeralContainers: "ephemeral container",
} as const;

export function literalVariablesOf({ pointer, spec }: PodTemplate): readonly Variable[] {
  return Object.entries(CONTAINER_FIELDS).flatMap(([field, sort]) =>
    entriesOf(spec, field).flatMap(([containerIndex, container]) =>
      entriesOf(container, "env").flatMap(([index, variable]) => {
        const name = stringField(variable, "name");
        const value = stringField(variable, "value");
        if (name === undefined || !value) return [];
        return {
          pointer: `${pointer}${jsonPointer("spec", field, containerIndex, "env", index)}`,
          sort,
          container: stringField(container, "name") ?? "",
          name,
          value,
        };
      }),
    ),
  );
}

type Fields = Readonly<Record<string, unknown>>;

/** The entries of a list that are JSON objects, with their places in it. */
function entriesOf(parent: Fields, field: string): readonly (readonly [number, Fields])[] {
  const list = Object.hasOwn(parent, field) ? parent[field] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown, index) => (isRecord(entry) ? [[index, entry] as const] : []));
}
