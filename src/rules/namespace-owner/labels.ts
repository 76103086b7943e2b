import { jsonPointer } from "../../kube/json-pointer.ts";
import { type KubernetesObject, recordField, stringField } from "../../kube/objects.ts";

export function readLabel(object: KubernetesObject, key: string): string | undefined {
  return stringField(recordField(object.metadata, "labels"), key);
}

export function labelPointer(key: string): string {
  return jsonPointer("metadata", "labels", key);
}
