/** A backup and a restore as Velero makes them, of what kubectl sees: the order of its kinds, and what it leaves out. */
import type { KubernetesObject } from "../../../src/kube/objects.ts";
import { pathOf } from "../../support/api-client.ts";
import type { E2eCluster } from "./cluster.ts";

/** Pods before what makes them, which then adopts them. */
const KINDS = [
  "persistentvolumeclaims",
  "configmaps",
  "pods",
  "replicasets.apps",
  "controllerrevisions.apps",
  "services",
  "deployments.apps",
  "statefulsets.apps",
  "daemonsets.apps",
  "cronjobs.batch",
  "ingresses.networking.k8s.io",
];

export async function readBackup({ run }: E2eCluster, namespace: string): Promise<readonly KubernetesObject[]> {
  const found: KubernetesObject[] = [];
  for (const kind of KINDS) {
    const { items } = JSON.parse(await run(["get", kind, "-n", namespace, "-o", "json"]));
    found.push(...items.filter(isBackedUp).map(withoutTraces));
  }
  return found;
}

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind
type AnyObject = any;

/** What every namespace has by itself is not restored. */
function isBackedUp({ metadata }: AnyObject): boolean {
  return metadata.name !== "kube-root-ca.crt";
}

/** Without what belongs to the cluster that it was in. */
function withoutTraces(object: AnyObject): KubernetesObject {
  const { metadata, status: _status, ...rest } = object;
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _time, managedFields: _fields, ...kept } = metadata;
  // Their owners will have other UIDs.
  const { ownerReferences: _owners, generateName: _generateName, ...restored } = kept;
  const copy = structuredClone({ ...rest, metadata: restored });
  if (object.kind === "Service") {
    delete copy.spec.clusterIP;
    delete copy.spec.clusterIPs;
  }
  if (object.kind === "PersistentVolumeClaim") {
    delete copy.spec.volumeName;
    for (const key of Object.keys(copy.metadata.annotations ?? {})) {
      if (key.startsWith("pv.kubernetes.io/")) delete copy.metadata.annotations[key];
    }
  }
  if (object.kind === "Pod") {
    delete copy.spec.nodeName;
    copy.spec.volumes = (copy.spec.volumes ?? []).filter(({ name }: AnyObject) => !name.startsWith("kube-api-access-"));
    for (const container of copy.spec.containers) {
      container.volumeMounts = (container.volumeMounts ?? []).filter(
        ({ name }: AnyObject) => !name.startsWith("kube-api-access-"),
      );
    }
  }
  return copy;
}

export interface Restored {
  readonly kind: string;
  readonly name: string;
  readonly status: number;
  readonly message: string;
  readonly warned: boolean;
}

/** One after the other, in the order of the backup. */
export async function restore(
  { api }: E2eCluster,
  backup: readonly KubernetesObject[],
  asUser: string,
  { dryRun = false } = {},
): Promise<readonly Restored[]> {
  const written: Restored[] = [];
  for (const object of backup) {
    const { kind = "", metadata } = object;
    const { name = "", namespace = "" } = metadata ?? {};
    const path = pathOf(resourceOf(object), namespace) + (dryRun ? "?dryRun=All" : "");
    const { status, body, warnings } = await api.send({ method: "POST", path, body: object, asUser });
    const message = status === 201 ? "" : String(body.message);
    written.push({ kind, name, status, message, warned: warnings.length > 0 });
  }
  return written;
}

function resourceOf({ apiVersion = "", kind = "" }: KubernetesObject): string {
  const plural = kind === "Ingress" ? "ingresses" : `${kind.toLowerCase()}s`;
  const [group, version] = apiVersion.split("/");
  return version === undefined ? plural : `${plural}.${group}`;
}
