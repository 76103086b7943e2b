import { type KubernetesObject, recordField, stringField } from "../../kube/objects.ts";
import { podTemplateOf } from "../../kube/pod-template.ts";
import { type PodVolume, volumesOf } from "./volumes.ts";

/** A Pod, or what a workload's Pods will be like: Velero reads nothing else. */
export interface BackedUpPod {
  /** JSON pointer of the Pod's metadata in the object. */
  readonly metadataPointer: string;
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly volumes: ReadonlyMap<string, PodVolume>;
}

export function backedUpPodOf(resource: string, object: KubernetesObject): BackedUpPod | undefined {
  const template = podTemplateOf(resource, object);
  if (template === undefined) return undefined;
  return {
    metadataPointer: `${template.pointer}/metadata`,
    annotations: recordField(template.metadata, "annotations") ?? {},
    labels: recordField(template.metadata, "labels") ?? {},
    spec: template.spec,
    volumes: volumesOf(resource, object, template.spec),
  };
}

/** Velero compares with exactly this text: `True` excludes nothing. */
export function isExcluded(pod: BackedUpPod): boolean {
  return stringField(pod.labels, "velero.io/exclude-from-backup") === "true";
}
