/**
 * The two annotations that hold volume names, and how Velero reads them: split at every comma, nothing trimmed, exact
 * comparison with `spec.volumes[].name`.
 */
import { jsonPointer } from "../../kube/json-pointer.ts";
import { quoted } from "../../kube/quoted.ts";

export const BACKUP_VOLUMES = "backup.velero.io/backup-volumes";
export const EXCLUDED_VOLUMES = "backup.velero.io/backup-volumes-excludes";
export const LIST_KEYS = [BACKUP_VOLUMES, EXCLUDED_VOLUMES] as const;
export type ListKey = (typeof LIST_KEYS)[number];

/** JSON pointers of the two in the metadata of a Pod. */
export const LIST_POINTERS: Readonly<Record<ListKey, string>> = {
  [BACKUP_VOLUMES]: jsonPointer("annotations", BACKUP_VOLUMES),
  [EXCLUDED_VOLUMES]: jsonPointer("annotations", EXCLUDED_VOLUMES),
};

/** The items as Velero reads them. */
export function itemsOf(value: string | undefined): readonly string[] {
  return value === undefined || value === "" ? [] : value.split(",");
}

const NO_NAMES: ReadonlySet<string> = new Set();

/** The names as the user means them: without white space, empty items and repetitions, in the order written. */
export function namesOf(value: string | undefined): ReadonlySet<string> {
  if (value === undefined || value === "") return NO_NAMES;
  const names = new Set<string>();
  for (const item of itemsOf(value)) {
    const name = item.trim();
    if (name !== "") names.add(name);
  }
  return names;
}

/** The list as a line of YAML, cut like any value in a message. */
export function yamlLine(key: ListKey, names: Iterable<string>): string {
  return `${key}: ${quoted([...names].join(","))}`;
}
