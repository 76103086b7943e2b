/** What backup-volumes and backup-volumes-excludes say about the volumes that the Pod really has. */
import { jsonPointer } from "../../kube/json-pointer.ts";
import { stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import type { BackedUpPod } from "./backed-up-pod.ts";
import { violationOf } from "./codes.ts";
import type { Params } from "./params.ts";
import { isCandidate, isGenerated } from "./repairs.ts";
import { explainUnknownNames, findingOf } from "./unknown-name.ts";
import { faultOf } from "./volume-faults.ts";
import { BACKUP_VOLUMES, EXCLUDED_VOLUMES, type ListKey, namesOf, yamlLine } from "./volume-list.ts";
import type { PodVolume } from "./volumes.ts";

/** Where Velero backs up the volumes that backup-volumes names. */
export function judgeOptInLists(pod: BackedUpPod, params: Params): Violation[] {
  const path = pathOf(pod, BACKUP_VOLUMES);
  const names = namesIn(pod, BACKUP_VOLUMES);
  const choices = [...pod.volumes.values()].filter((volume) => faultOf(volume) === undefined);
  const unknown = explainUnknownNames(names, pod.volumes, choices);
  const ignored = explainUnknownNames(namesIn(pod, EXCLUDED_VOLUMES), pod.volumes, choices);
  const known = [...names].flatMap((name) => pod.volumes.get(name) ?? []);
  const listed = new Set([...known.map(({ name }) => name), ...unknown.flatMap(({ meant }) => meant ?? [])]);
  return [
    ...unknown.map((name) => violationOf("VEL-UNKNOWN", findingOf(name, path))),
    ...known.flatMap((volume) => judgeNamed(volume, path)),
    ...judgeMissing(pod, params, listed),
    ...judgeConflicts(pod, "backs it up"),
    ...ignored.map((name) => violationOf("VEL-EXCLUDE-IGNORED", findingOf(name, pathOf(pod, EXCLUDED_VOLUMES)))),
  ];
}

/** Where Velero backs up every volume but those that backup-volumes-excludes names. */
export function judgeOptOutLists(pod: BackedUpPod): Violation[] {
  const unknown = explainUnknownNames(namesIn(pod, EXCLUDED_VOLUMES), pod.volumes, [...pod.volumes.values()]);
  return [
    ...judgeMode(pod),
    ...unknown.map((name) => violationOf("VEL-UNKNOWN", findingOf(name, pathOf(pod, EXCLUDED_VOLUMES)))),
    ...judgeConflicts(pod, "leaves it out"),
  ];
}

function judgeNamed(volume: PodVolume, path: string): Violation[] {
  const fault = faultOf(volume);
  if (fault === undefined) return [];
  const { code, ...finding } = fault;
  return [violationOf(code, { path, ...finding, subject: volume.name })];
}

/** `listed`: the volumes in backup-volumes, and those that its wrong names mean. */
function judgeMissing(pod: BackedUpPod, params: Params, listed: ReadonlySet<string>): Violation[] {
  // A list that is there and empty says "none", unless the rule itself emptied it.
  if (stringField(pod.annotations, BACKUP_VOLUMES) === "" && !isGenerated(pod)) return [];
  const excluded = namesIn(pod, EXCLUDED_VOLUMES);
  const missing = [...pod.volumes.values()]
    .filter((volume) => isCandidate(volume, params))
    .map((volume) => volume.name)
    .filter((name) => !listed.has(name) && !excluded.has(name));
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

function judgeConflicts(pod: BackedUpPod, outcome: string): Violation[] {
  const names = namesIn(pod, BACKUP_VOLUMES);
  const path = pathOf(pod, EXCLUDED_VOLUMES);
  const fix = `remove it from one: as it is, Velero ${outcome}`;
  return [...namesIn(pod, EXCLUDED_VOLUMES)]
    .filter((name) => names.has(name))
    .map((name) =>
      violationOf("VEL-CONFLICT", { path, message: `${quoted(name)} is in both lists`, fix, subject: name }),
    );
}

function namesIn(pod: BackedUpPod, key: ListKey): ReadonlySet<string> {
  return namesOf(stringField(pod.annotations, key));
}

export function pathOf(pod: BackedUpPod, key: ListKey): string {
  return `${pod.metadataPointer}${jsonPointer("annotations", key)}`;
}
