import { jsonPointer } from "./json-pointer.ts";
import { isRecord, type KubernetesObject, type ObjectMeta, recordField } from "./objects.ts";

/** A Pod, or the template a workload makes Pods from. */
export interface PodTemplate {
  /** JSON pointer of the template in its object: empty for a Pod itself. */
  readonly pointer: string;
  readonly metadata: ObjectMeta;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Where each workload keeps its pod template, by group-resource. */
const TEMPLATE_PATHS: ReadonlyMap<string, TemplatePath> = new Map([
  ["pods", pathOf()],
  ["deployments.apps", pathOf("spec", "template")],
  ["statefulsets.apps", pathOf("spec", "template")],
  ["daemonsets.apps", pathOf("spec", "template")],
  ["replicasets.apps", pathOf("spec", "template")],
  ["jobs.batch", pathOf("spec", "template")],
  ["cronjobs.batch", pathOf("spec", "jobTemplate", "spec", "template")],
]);

interface TemplatePath {
  readonly fields: readonly string[];
  readonly pointer: string;
}

function pathOf(...fields: readonly string[]): TemplatePath {
  return { fields, pointer: jsonPointer(...fields) };
}

/** The one place that knows how a Pod hides inside the objects that make Pods. Undefined for every other resource. */
export function podTemplateOf(resource: string, object: KubernetesObject): PodTemplate | undefined {
  const path = TEMPLATE_PATHS.get(resource);
  if (path === undefined) return undefined;
  let node: Readonly<Record<string, unknown>> | undefined = object;
  for (const field of path.fields) node = recordField(node, field);
  if (node === undefined) return undefined;
  const metadata: unknown = node.metadata;
  return {
    pointer: path.pointer,
    metadata: isRecord(metadata) ? (metadata as ObjectMeta) : {},
    spec: recordField(node, "spec") ?? {},
  };
}
