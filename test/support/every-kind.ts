/** Every resource of an API server, by its own discovery, and an object of nearly each. */
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { ApiClient } from "./api-client.ts";

export interface KnownResource {
  /** `deployments.apps`, `pods`. */
  readonly name: string;
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  /** The path of its objects in all namespaces. */
  readonly path: string;
  /** In this one, or the same where it is in none. */
  pathIn(namespace: string): string;
}

/** Of no policy: a custom resource whose definition is one of `oneOfEach`. */
export const CUSTOM_RESOURCE = "widgets.example.com";

/** Without subresources; those of several versions once a version. */
export async function listResources(api: ApiClient): Promise<readonly KnownResource[]> {
  const { body } = await api.send({ method: "GET", path: "/apis" });
  const groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[] = body.groups;
  const versions = groups.flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion));
  const lists = ["v1", ...versions].map((apiVersion) => listResourcesOf(api, apiVersion));
  return (await Promise.all(lists)).flat();
}

async function listResourcesOf(api: ApiClient, apiVersion: string): Promise<readonly KnownResource[]> {
  const root = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  const { body } = await api.send({ method: "GET", path: root });
  const resources: readonly (Pick<KnownResource, "name" | "kind" | "namespaced"> & { readonly verbs?: string[] })[] =
    body.resources;
  const [group = ""] = apiVersion === "v1" ? [] : apiVersion.split("/");
  return resources
    .filter(({ name }) => !name.includes("/"))
    .map(({ name, kind, namespaced, verbs = [] }) => ({
      name: group === "" ? name : `${name}.${group}`,
      kind,
      apiVersion,
      namespaced,
      verbs,
      path: `${root}/${name}`,
      pathIn: (namespace) => (namespaced ? `${root}/namespaces/${namespace}/${name}` : `${root}/${name}`),
    }));
}

/** What a new cluster has none of. The shipped policies have nothing against any of it. */
export function oneOfEach(namespace: string): readonly KubernetesObject[] {
  return parseAllDocuments(OBJECTS.replaceAll("NAMESPACE", namespace)).map((document) => document.toJS());
}

const METADATA = "metadata: { name: tour, namespace: NAMESPACE, labels: { app: tour } }";
const POD_SPEC = "{ containers: [{ name: main, image: example.com/main:1, resources: { requests: { cpu: 100m } } }] }";
const TEMPLATE = `{ metadata: { labels: { app: tour } }, spec: ${POD_SPEC} }`;
const WORKLOAD = `spec: { selector: { matchLabels: { app: tour } }, template: ${TEMPLATE}`;
const JOB = `{ template: { metadata: { labels: { app: tour } }, spec: { restartPolicy: Never, containers: [{ name: main, image: example.com/main:1 }] } } }`;

const OBJECTS = `
{ apiVersion: v1, kind: Pod, ${METADATA}, spec: ${POD_SPEC} }
--- { apiVersion: v1, kind: ReplicationController, ${METADATA}, spec: { selector: { app: tour }, template: ${TEMPLATE} } }
--- { apiVersion: v1, kind: PodTemplate, ${METADATA}, template: ${TEMPLATE} }
--- { apiVersion: v1, kind: Service, ${METADATA}, spec: { selector: { app: tour }, ports: [{ port: 80 }] } }
--- { apiVersion: v1, kind: Secret, ${METADATA}, stringData: { key: value } }
--- { apiVersion: v1, kind: LimitRange, ${METADATA}, spec: { limits: [{ type: PersistentVolumeClaim, max: { storage: 9Gi } }] } }
--- { apiVersion: v1, kind: ResourceQuota, ${METADATA}, spec: { hard: { services: "9" } } }
--- { apiVersion: v1, kind: PersistentVolumeClaim, ${METADATA}, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }
--- { apiVersion: v1, kind: PersistentVolume, metadata: { name: tour }, spec: { accessModes: [ReadWriteOnce], capacity: { storage: 1Gi }, hostPath: { path: /tour } } }
--- { apiVersion: v1, kind: Node, metadata: { name: tour } }
--- { apiVersion: apps/v1, kind: Deployment, ${METADATA}, ${WORKLOAD} } }
--- { apiVersion: apps/v1, kind: DaemonSet, ${METADATA}, ${WORKLOAD} } }
--- { apiVersion: apps/v1, kind: StatefulSet, ${METADATA}, ${WORKLOAD}, serviceName: tour } }
--- { apiVersion: batch/v1, kind: Job, ${METADATA}, spec: ${JOB} }
--- { apiVersion: batch/v1, kind: CronJob, ${METADATA}, spec: { schedule: 0 0 * * *, jobTemplate: { spec: ${JOB} } } }
--- { apiVersion: networking.k8s.io/v1, kind: Ingress, ${METADATA}, spec: { ingressClassName: tour, defaultBackend: { service: { name: tour, port: { number: 80 } } } } }
--- { apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: { name: tour }, spec: { controller: example.com/tour } }
--- { apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, ${METADATA}, spec: { podSelector: {} } }
--- { apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, ${METADATA}, spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: tour } } }
--- { apiVersion: policy/v1, kind: PodDisruptionBudget, ${METADATA}, spec: { minAvailable: 0, selector: { matchLabels: { app: tour } } } }
--- { apiVersion: rbac.authorization.k8s.io/v1, kind: Role, ${METADATA}, rules: [] }
--- { apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, ${METADATA}, roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: tour } }
--- { apiVersion: coordination.k8s.io/v1, kind: Lease, ${METADATA}, spec: { holderIdentity: tour } }
--- { apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: { name: tour }, provisioner: example.com/tour }
--- { apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: { name: tour.example.com }, spec: {} }
--- { apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: { name: tour }, handler: tour }
--- { apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: { name: tour }, value: 1 }
--- { apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: { name: ${CUSTOM_RESOURCE} }, spec: { group: example.com, scope: Namespaced, names: { kind: Widget, plural: widgets }, versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } } }] } }
`.replaceAll("--- ", "---\n");
