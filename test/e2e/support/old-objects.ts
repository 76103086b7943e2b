/** What was in a cluster before anybody asked for labels: most of it would be refused today. */
import { BACKUP_VOLUMES } from "../../tour/stage.ts";
import type { E2eCluster } from "./cluster.ts";
import { IDLE, nodeContainer } from "./node-pods.ts";
import { claim } from "./volumes.ts";

export const SHOP = "portcullis-e2e-shop";

/** None says `app`; the Pod's annotation names a volume that it hasn't. */
export function oldObjects(cluster: E2eCluster): readonly object[] {
  const container = nodeContainer(cluster, "main", IDLE);
  const template = (name: string) => ({
    metadata: { labels: { run: name } },
    spec: { terminationGracePeriodSeconds: 1, containers: [container] },
  });
  const workload = (kind: string, name: string, more: object) => ({
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace: SHOP },
    spec: { selector: { matchLabels: { run: name } }, template: template(name), ...more },
  });
  const mounting = { ...container, volumeMounts: [{ name: "data", mountPath: "/data" }] };
  const database = template("database");
  return [
    claim("alone", SHOP),
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "alone", namespace: SHOP, annotations: { [BACKUP_VOLUMES]: "alone" } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [mounting],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "alone" } }],
      },
    },
    workload("Deployment", "web", { replicas: 1 }),
    workload("DaemonSet", "agent", {}),
    workload("StatefulSet", "database", {
      serviceName: "database",
      template: { ...database, spec: { ...database.spec, containers: [mounting] } },
      volumeClaimTemplates: [{ metadata: { name: "data" }, spec: claim("data", SHOP).spec }],
    }),
    {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "nightly", namespace: SHOP },
      spec: {
        schedule: "0 3 1 1 *",
        jobTemplate: { spec: { template: { spec: { restartPolicy: "Never", containers: [container] } } } },
      },
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: SHOP }, data: { a: "1" } },
    { apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: SHOP }, spec: { ports: [{ port: 80 }] } },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: {
        name: "site",
        namespace: SHOP,
        labels: { role: "static", bucket: "one" },
        annotations: { "ingress.kubernetes.io/rewrite-target": "/another" },
      },
      spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } },
    },
  ];
}
