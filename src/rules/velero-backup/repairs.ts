/** What the rule writes on a Pod, and what Pods made from a template will therefore carry. */
import { stringField } from "../../kube/objects.ts";
import type { BackedUpPod } from "./backed-up-pod.ts";
import type { Params } from "./params.ts";
import { BACKUP_VOLUMES, EXCLUDED_VOLUMES, namesOf } from "./volume-list.ts";
import { isServiceAccountToken, type PodVolume } from "./volumes.ts";

/** Stands beside a list that the rule wrote. Without it a list is the user's, and never gains or loses a name. */
export const MARK = "portcullis.dev/backup-volumes";
const GENERATED = "generated";

export function isGenerated(pod: BackedUpPod): boolean {
  return stringField(pod.annotations, MARK) === GENERATED;
}

/** Whether the volume should be in backup-volumes unless the user says otherwise. */
export function isCandidate(volume: PodVolume, params: Params): boolean {
  const isWanted =
    volume.source === "persistentVolumeClaim" ||
    (params.includeEmptyDir && volume.source === "emptyDir" && !volume.inMemory);
  return isWanted && volume.use === "mounted" && !isServiceAccountToken(volume.name);
}

/** Of a Pod that is right as it is. */
export const NO_REPAIRS: Readonly<Record<string, string>> = {};

/**
 * The annotations that the mutating webhook sets. A list of the rule's own that has nothing left to name becomes empty and
 * keeps the mark: a later pass may fill it again.
 */
export function repairsOf(pod: BackedUpPod, params: Params): Readonly<Record<string, string>> {
  const current = stringField(pod.annotations, BACKUP_VOLUMES);
  if (current !== undefined && !isGenerated(pod)) {
    const normal = params.normalise ? [...namesOf(current)].join(",") : current;
    return normal === current ? NO_REPAIRS : { [BACKUP_VOLUMES]: normal };
  }
  const excluded = namesOf(stringField(pod.annotations, EXCLUDED_VOLUMES));
  const wanted = [...pod.volumes.values()]
    .filter((volume) => isCandidate(volume, params) && !excluded.has(volume.name))
    .map((volume) => volume.name);
  if (wanted.length === 0 && current === undefined) return NO_REPAIRS;
  return { [BACKUP_VOLUMES]: wanted.join(","), [MARK]: GENERATED };
}
