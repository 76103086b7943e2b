/** What backup-volumes and backup-volumes-excludes say about the volumes that the Pod really has. */
import { stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import type { BackedUpPod } from "./backed-up-pod.ts";
import { violationOf } from "./codes.ts";
import type { Params } from "./params.ts";
import { isCandidate, isGenerated } from "./repairs.ts";
import { explainUnknownNames, findingOf, type UnknownName } from "./unknown-name.ts";
import { faultOf } from "./volume-faults.ts";
import { BACKUP_VOLUMES, EXCLUDED_VOLUMES, LIST_POINTERS, type ListKey, namesOf, yamlLine } from "./volume-list.ts";
import type { PodVolume } from "./volumes.ts";

/** Where Velero backs up the volumes that backup-volumes names. */
export function judgeOptInLists(pod: BackedUpPod, params: Params): Violation[] {
  const lists = listsOf(pod);
  const choices = () => [...pod.volumes.values()].filter((volume) => faultOf(volume) === undefined);
  const unknown = explainUnknownNames(lists.names, pod.volumes, choices);
  const ignored = explainUnknownNames(lists.excluded, pod.volumes, choices);
  const violations = unknown.map((name) => violationOf("VEL-UNKNOWN", findingOf(name, pathOf(pod, BACKUP_VOLUMES))));
  for (const name of lists.names) {
    const volume = pod.volumes.get(name);
    if (volume) violations.push(...judgeNamed(volume, pod));
  }
  violations.push(...judgeMissing(pod, params, lists, unknown), ...judgeConflicts(pod, lists, "backs it up"));
  for (const name of ignored) {
    violations.push(violationOf("VEL-EXCLUDE-IGNORED", findingOf(name, pathOf(pod, EXCLUDED_VOLUMES))));
  }
  return violations;
}

/** Where Velero backs up every volume but those that backup-volumes-excludes names. */
export function judgeOptOutLists(pod: BackedUpPod): Violation[] {
  const lists = listsOf(pod);
  const unknown = explainUnknownNames(lists.excluded, pod.volumes, () => [...pod.volumes.values()]);
  return [
    ...judgeMode(pod),
    ...unknown.map((name) => violationOf("VEL-UNKNOWN", findingOf(name, pathOf(pod, EXCLUDED_VOLUMES)))),
    ...judgeConflicts(pod, lists, "leaves it out"),
  ];
}

/** The names in the two lists of a Pod. */
interface Lists {
  readonly names: ReadonlySet<string>;
  readonly excluded: ReadonlySet<string>;
}

function listsOf({ annotations }: BackedUpPod): Lists {
  return {
    names: namesOf(stringField(annotations, BACKUP_VOLUMES)),
    excluded: namesOf(stringField(annotations, EXCLUDED_VOLUMES)),
  };
}

function judgeNamed(volume: PodVolume, pod: BackedUpPod): Violation[] {
  const fault = faultOf(volume);
  if (fault === undefined) return [];
  const { code, ...finding } = fault;
  return [violationOf(code, { path: pathOf(pod, BACKUP_VOLUMES), ...finding, subject: volume.name })];
}

/** What the wrong names in the list mean counts as named. */
function judgeMissing(
  pod: BackedUpPod,
  params: Params,
  { names, excluded }: Lists,
  unknown: readonly UnknownName[],
): Violation[] {
  // A list that is there and empty says "none", unless the rule itself emptied it.
  if (stringField(pod.annotations, BACKUP_VOLUMES) === "" && !isGenerated(pod)) return [];
  const meant = new Set(unknown.flatMap((name) => name.meant ?? []));
  const isDecided = (name: string) => names.has(name) || excluded.has(name) || meant.has(name);
  const missing = [...pod.volumes.values()]
    .filter((volume) => !isDecided(volume.name) && isCandidate(volume, params))
    .map(({ name }) => name);
  if (missing.length === 0) return [];
  const known = [...names].filter((name) => pod.volumes.has(name));
  const listed = new Set([...known, ...meant]);
  const path = pathOf(pod, BACKUP_VOLUMES);
  const line = yamlLine(BACKUP_VOLUMES, [...listed, ...missing]);
  const fix = `set ${line}, or name what to leave out in ${EXCLUDED_VOLUMES}`;
  return missing.map((name) => {
    const message = `the volume ${quoted(name)} is not backed up`;
    return violationOf("VEL-MISSING", { path, message, fix, subject: name });
  });
}

function judgeMode(pod: BackedUpPod): Violation[] {
  // What the rule wrote when the policy said opt-in is nobody's mistake.
  if (stringField(pod.annotations, BACKUP_VOLUMES) === undefined || isGenerated(pod)) return [];
  const message = "Velero backs up every volume here";
  const fix = `remove it, and name what to leave out in ${EXCLUDED_VOLUMES}`;
  return [violationOf("VEL-MODE", { path: pathOf(pod, BACKUP_VOLUMES), message, fix })];
}

function judgeConflicts(pod: BackedUpPod, { names, excluded }: Lists, outcome: string): Violation[] {
  if (names.size === 0 || excluded.size === 0) return [];
  const path = pathOf(pod, EXCLUDED_VOLUMES);
  const fix = `remove it from one: as it is, Velero ${outcome}`;
  return [...excluded]
    .filter((name) => names.has(name))
    .map((name) =>
      violationOf("VEL-CONFLICT", { path, message: `${quoted(name)} is in both lists`, fix, subject: name }),
    );
}

export function pathOf(pod: BackedUpPod, key: ListKey): string {
  return pod.metadataPointer + LIST_POINTERS[key];
}
