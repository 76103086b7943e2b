/** Case files say only what a case is about; an API server wants the rest of the object as well. */
import { isRecord, type KubernetesObject } from "../../src/kube/objects.ts";

type Fields = Record<string, unknown>;

/** The object with whatever a real API server requires and the case left out; nothing that is there is changed. */
export function completeObject(object: KubernetesObject, name: string, namespace: string): KubernetesObject {
  const completed = structuredClone(object) as Fields;
  const metadata = fieldsOf(completed, "metadata");
  metadata.namespace = namespace;
  if (metadata.generateName === undefined) metadata.name = name;
  COMPLETIONS[String(object.kind)]?.(fieldsOf(completed, "spec"));
  return completed as KubernetesObject;
}

/** What each kind's `spec` needs. */
const COMPLETIONS: Readonly<Record<string, (spec: Fields) => void>> = {
  Pod: (spec) => completePodSpec(spec),
  Deployment: completeWorkloadSpec,
  DaemonSet: completeWorkloadSpec,
  ReplicaSet: completeWorkloadSpec,
  StatefulSet: completeStatefulSetSpec,
  Job: completeJobSpec,
  CronJob(spec) {
    spec.schedule ??= "0 0 * * *";
    completeJobSpec(fieldsOf(fieldsOf(spec, "jobTemplate"), "spec"));
  },
  PersistentVolumeClaim: completeClaimSpec,
  Service(spec) {
    spec.ports ??= [{ port: 80 }];
  },
  Ingress: completeIngressSpec,
};

function completeWorkloadSpec(spec: Fields): void {
  completeSelector(spec);
  completePodSpec(fieldsOf(fieldsOf(spec, "template"), "spec"), claimTemplateNames(spec));
}

/** A label that no rule asks for ties the template to its owner. */
function completeSelector(spec: Fields): void {
  const selector = fieldsOf(spec, "selector");
  const matchLabels = fieldsOf(selector, "matchLabels");
  matchLabels.case ??= "1";
  Object.assign(fieldsOf(fieldsOf(fieldsOf(spec, "template"), "metadata"), "labels"), matchLabels);
}

function completeJobSpec(spec: Fields): void {
  const podSpec = fieldsOf(fieldsOf(spec, "template"), "spec");
  podSpec.restartPolicy ??= "Never";
  completePodSpec(podSpec);
}

function completePodSpec(spec: Fields, claimTemplates: readonly string[] = []): void {
  spec.containers ??= [{ name: "main" }];
  const containers = [...listOf(spec, "containers"), ...listOf(spec, "initContainers")];
  for (const container of containers) {
    container.name ??= "main";
    container.image ??= "example.com/case:1";
    for (const mount of listOf(container, "volumeMounts")) mount.mountPath ??= `/mnt/${String(mount.name)}`;
    for (const device of listOf(container, "volumeDevices")) device.devicePath ??= `/dev/${String(device.name)}`;
  }
  const declared = new Set([...listOf(spec, "volumes").map((volume) => volume.name), ...claimTemplates]);
  for (const container of containers) {
    for (const { name } of listOf(container, "volumeMounts")) {
      if (declared.has(name)) continue;
      throw new Error(`the case mounts ${String(name)}, which it does not declare`);
    }
  }
}

function completeStatefulSetSpec(spec: Fields): void {
  completeWorkloadSpec(spec);
  spec.serviceName ??= "case";
  for (const template of listOf(spec, "volumeClaimTemplates")) completeClaimSpec(fieldsOf(template, "spec"));
}

function completeClaimSpec(spec: Fields): void {
  spec.accessModes ??= ["ReadWriteOnce"];
  spec.resources ??= { requests: { storage: "1Gi" } };
}

function completeIngressSpec(spec: Fields): void {
  if (spec.rules === undefined && spec.defaultBackend === undefined) {
    spec.defaultBackend = { service: { name: "web", port: { number: 80 } } };
  }
  for (const rule of listOf(spec, "rules")) {
    if (rule.http === undefined) continue;
    for (const path of listOf(rule.http as Fields, "paths")) {
      path.pathType ??= "ImplementationSpecific";
      path.backend ??= { service: { name: "web", port: { number: 80 } } };
    }
  }
}

function claimTemplateNames(spec: Fields): string[] {
  return listOf(spec, "volumeClaimTemplates").map((template) => String(fieldsOf(template, "metadata").name));
}

/** The map under a field, made if it is missing. */
function fieldsOf(parent: Fields, field: string): Fields {
  if (!isRecord(parent[field])) parent[field] = {};
  return parent[field] as Fields;
}

function listOf(parent: Fields, field: string): Fields[] {
  const list = parent[field];
  return Array.isArray(list) ? (list as Fields[]) : [];
}
