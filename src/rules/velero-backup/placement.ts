/** Velero's annotations in places where Velero doesn't read them: it looks at Pods only. */
import { fieldPath, jsonPointer } from "../../kube/json-pointer.ts";
import { type KubernetesObject, recordField, stringField } from "../../kube/objects.ts";
import type { Violation } from "../rule.ts";
import type { BackedUpPod } from "./backed-up-pod.ts";
import { violationOf } from "./codes.ts";
import { HOOK_KEYS } from "./hooks.ts";
import { hasKeyWith } from "./keys.ts";
import type { Params } from "./params.ts";
import { LIST_KEYS } from "./volume-list.ts";

const ALL_KEYS: readonly string[] = [...LIST_KEYS, ...HOOK_KEYS];
/** Part of every one of them. */
const VELERO = ".velero.io/";

/** Some metadata in the object. */
interface Place {
  readonly pointer: string;
  readonly labels: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, unknown>>;
  /** What the ratchet knows it by, where it is one of a list. */
  readonly subject?: string;
}

export function judgePlacement(object: KubernetesObject, pod: BackedUpPod | undefined, params: Params): Violation[] {
  const elsewhere = placesOf(object).filter(({ pointer }) => pointer !== pod?.metadataPointer);
  const isAnywhere =
    hasKeyWith(VELERO, pod?.labels) ||
    elsewhere.some(({ labels, annotations }) => hasKeyWith(VELERO, labels) || hasKeyWith(VELERO, annotations));
  if (!isAnywhere) return [];
  const keys = params.mode === "off" ? HOOK_KEYS : ALL_KEYS;
  const severity = params.strictPlacement ? "error" : "warning";
  const onPod: readonly Place[] = pod
    ? [{ pointer: pod.metadataPointer, labels: pod.labels, annotations: pod.annotations }]
    : [];
  const home = pod
    ? `move it to ${fieldPath(`${pod.metadataPointer}/annotations`)}`
    : "annotate the Pods that mount the claim, with the name of their volume";

  const misplaced = elsewhere.flatMap(({ pointer, annotations, subject }) =>
    keys
      // Charts write one map everywhere: where the Pod has the annotation too, nothing is lost.
      .filter((key) => stringField(annotations, key) !== undefined && stringField(pod?.annotations, key) === undefined)
      .map((key) => {
        const path = `${pointer}${jsonPointer("annotations", key)}`;
        const message = "Velero reads this on Pods only";
        return violationOf("VEL-MISPLACED", { severity, path, message, fix: home, ...(subject ? { subject } : {}) });
      }),
  );
  const labelled = [...onPod, ...elsewhere].flatMap(({ pointer, labels, subject }) =>
    keys
      .filter((key) => stringField(labels, key) !== undefined)
      .map((key) => {
        const path = `${pointer}${jsonPointer("labels", key)}`;
        const message = "Velero reads no such label, but an annotation";
        return violationOf("VEL-AS-LABEL", { path, message, fix: home, ...(subject ? { subject } : {}) });
      }),
  );
  return [...misplaced, ...labelled];
}

/** Every metadata in the object but that of a pod template: its own, a CronJob's Jobs', a StatefulSet's claims'. */
function placesOf(object: KubernetesObject): readonly Place[] {
  const spec = recordField(object, "spec");
  const places = [
    placeOf("/metadata", object),
    placeOf("/spec/jobTemplate/metadata", recordField(spec, "jobTemplate")),
  ];
  const claims = spec?.volumeClaimTemplates;
  if (Array.isArray(claims)) {
    claims.forEach((claim: unknown, index) => {
      const name = stringField(recordField(claim, "metadata"), "name");
      const place = placeOf(`/spec/volumeClaimTemplates/${index}/metadata`, claim);
      places.push(name === undefined ? place : { ...place, subject: name });
    });
  }
  return places;
}

function placeOf(pointer: string, parent: unknown): Place {
  const metadata = recordField(parent, "metadata");
  return {
    pointer,
    labels: recordField(metadata, "labels") ?? {},
    annotations: recordField(metadata, "annotations") ?? {},
  };
}
