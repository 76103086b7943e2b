/** The volumes of a Pod as Velero's file system backup sees them. */
import { type KubernetesObject, recordField, recordList, stringField } from "../../kube/objects.ts";

type Spec = Readonly<Record<string, unknown>>;

export interface PodVolume {
  readonly name: string;
  /** The field that holds its source: `persistentVolumeClaim`, `emptyDir`, `hostPath`. */
  readonly source: string;
  readonly use: VolumeUse;
  readonly inMemory: boolean;
  readonly claimName?: string;
  /** Of the claims that a StatefulSet makes from a template: all of the name but the ordinal. */
  readonly claimNamePrefix?: string;
}

/** Velero looks at the mounts of `containers` alone: neither init containers nor native sidecars count. */
export type VolumeUse = "mounted" | "block" | "init-only" | "unmounted";

const NO_NAMES: ReadonlySet<string | undefined> = new Set();
const NO_VOLUMES: ReadonlyMap<string, PodVolume> = new Map();

/** A DNS label. The API server refuses any other name, but only after its mutating webhooks; a list couldn't hold it. */
const VOLUME_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Velero leaves volumes out by this prefix: before Kubernetes 1.22 they held the token of the Pod's ServiceAccount. */
export function isServiceAccountToken(volumeName: string): boolean {
  return volumeName.startsWith("default-token");
}

/**
 * By name. The Pod of a StatefulSet has a volume for each claim template, which takes the place of a volume of the
 * template with the same name.
 */
export function volumesOf(resource: string, object: KubernetesObject, podSpec: Spec): ReadonlyMap<string, PodVolume> {
  const claims =
    resource === "statefulsets.apps" ? recordList(recordField(object, "spec"), "volumeClaimTemplates") : [];
  const listed = recordList(podSpec, "volumes");
  if (claims.length === 0 && listed.length === 0) return NO_VOLUMES;
  const useOf = readUses(podSpec);
  const setName = stringField(object.metadata, "name");
  const volumes = new Map<string, PodVolume>();
  const add = (volume: PodVolume) => {
    if (VOLUME_NAME.test(volume.name) && !volumes.has(volume.name)) volumes.set(volume.name, volume);
  };
  for (const claim of claims) {
    const name = stringField(recordField(claim, "metadata"), "name") ?? "";
    const prefix = setName === undefined ? {} : { claimNamePrefix: `${name}-${setName}-` };
    add({ name, source: "persistentVolumeClaim", use: useOf(name), inMemory: false, ...prefix });
  }
  for (const volume of listed) {
    const name = stringField(volume, "name") ?? "";
    add(readVolume(name, volume, useOf(name)));
  }
  return volumes;
}

function readVolume(name: string, volume: Spec, use: VolumeUse): PodVolume {
  const claimName = stringField(recordField(volume, "persistentVolumeClaim"), "claimName");
  const medium = stringField(recordField(volume, "emptyDir"), "medium") ?? "";
  return {
    name,
    // The API server takes a volume without a source for an emptyDir.
    source: Object.keys(volume).find((field) => recordField(volume, field) !== undefined) ?? "emptyDir",
    use,
    // `Memory`, or huge pages of some size: every medium that has a name is memory.
    inMemory: medium !== "",
    ...(claimName === undefined ? {} : { claimName }),
  };
}

function readUses(podSpec: Spec): (name: string) => VolumeUse {
  const mounts = namesUnder(podSpec, "containers", "volumeMounts");
  const initMounts = namesUnder(podSpec, "initContainers", "volumeMounts");
  const devices = namesUnder(podSpec, "containers", "volumeDevices");
  const initDevices = namesUnder(podSpec, "initContainers", "volumeDevices");
  return (name) => {
    if (devices.has(name) || initDevices.has(name)) return "block";
    if (mounts.has(name)) return "mounted";
    return initMounts.has(name) ? "init-only" : "unmounted";
  };
}

function namesUnder(podSpec: Spec, containers: string, uses: string): ReadonlySet<string | undefined> {
  let names: Set<string | undefined> | undefined;
  for (const container of recordList(podSpec, containers)) {
    for (const use of recordList(container, uses)) {
      names ??= new Set();
      names.add(stringField(use, "name"));
    }
  }
  return names ?? NO_NAMES;
}
