import { isRecord, type KubernetesObject, type ObjectMeta, recordField } from "./objects.ts";

/** A Pod, or the template a workload makes Pods from. */
export interface PodTemplate {
  /** JSON pointer of the template in its object: empty for a Pod itself. */
  readonly pointer: string;
  readonly metadata: ObjectMeta;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Where each workload keeps its pod template, by group-resource. */
const TEMPLATE_PATHS: Readonly<Record<string, readonly string[]>> = {
  pods: [],
  "deployments.apps": ["spec", "template"],
  "statefulsets.apps": ["spec", "template"],
  "daemonsets.apps": ["spec", "template"],
  "replicasets.apps": ["spec", "template"],
  "jobs.batch": ["spec", "template"],
  "cronjobs.batch": ["spec", "jobTemplate", "spec", "template"],
};

/** The one place that knows how a Pod hides inside the objects that make Pods. Undefined for every other resource. */
export function podTemplateOf(resource: string, object: KubernetesObject): PodTemplate | undefined {
  const path = Object.hasOwn(TEMPLATE_PATHS, resource) ? TEMPLATE_PATHS[resource] : undefined;
  if (path === undefined) return undefined;
  let node: Readonly<Record<string, unknown>> | undefined = object;
  for (const field of path) node = recordField(node, field);
  if (node === undefined) return undefined;
  const metadata: unknown = node.metadata;
  return {
    pointer: path.map((field) => `/${field}`).join(""),
    metadata: isRecord(metadata) ? (metadata as ObjectMeta) : {},
    spec: recordField(node, "spec") ?? {},
  };
}
