import type { KubernetesObject } from "../../src/kube/objects.ts";
import { BACKUP_VOLUMES, NAMESPACE, type Reply, type Stage, type Verdict } from "./stage.ts";

export interface Story {
  readonly id: string;
  readonly title: string;
  readonly expected: Verdict;
  /** What the reply must say, besides the verdict. */
  readonly mentions?: readonly string[];
  play(stage: Stage): Promise<Reply>;
}

const LEGACY_REWRITE = "ingress.kubernetes.io/rewrite-target";

/** In order: some build on what an earlier one has created. */
export const stories: readonly Story[] = [
  {
    id: "1a",
    title: "a Deployment without the label that every workload carries",
    expected: "refused",
    mentions: ["LBL-MISSING", "metadata.labels", "app"],
    play: (stage) => stage.create(deployment("wordpress", {})),
  },
  {
    id: "1b",
    title: "the same Deployment with the label",
    expected: "admitted",
    play: (stage) => stage.create(deployment("wordpress", { app: "wordpress" })),
  },
  {
    id: "2a",
    title: "a Pod with a claim and no word about backups: its volume is added",
    expected: "corrected",
    mentions: [`${BACKUP_VOLUMES}: data`],
    play: async (stage) => withAnnotation(await stage.create(podWithClaim("mongo"))),
  },
  {
    id: "2b",
    title: "a list that names the claim in place of the volume",
    expected: "refused",
    mentions: ["VEL-UNKNOWN", '"mongodb"', '"data"'],
    play: (stage) => stage.create(podWithClaim("mongo-by-claim", { [BACKUP_VOLUMES]: "mongodb" })),
  },
  {
    id: "3",
    title: "the Pods that the StatefulSet controller makes for MinIO, claim template and all",
    expected: "corrected",
    mentions: [`${BACKUP_VOLUMES}: data`],
    play: async (stage) => {
      const created = await stage.create(minio());
      return created.verdict === "refused" ? created : withAnnotation(await stage.firstPodOf(minio()));
    },
  },
  {
    id: "4a",
    title: "an Ingress that serves a bucket, label and rewrite in agreement",
    expected: "admitted",
    play: (stage) => stage.create(sitemaps()),
  },
  {
    id: "4b",
    title: "its label switched to another bucket, its rewrite left behind",
    expected: "refused",
    mentions: ["ING-MISMATCH", "sitemaps-20240101", "sitemaps-20240201"],
    play: (stage) => stage.patch("ingress", "sitemaps", { metadata: { labels: { bucket: "sitemaps-20240201" } } }),
  },
  {
    id: "4c",
    title: "its labels role and bucket dropped, the rewrite kept",
    expected: "refused",
    mentions: ["ING-MISSING-LABEL"],
    play: (stage) => stage.patch("ingress", "sitemaps", { metadata: { labels: { role: null, bucket: null } } }),
  },
  {
    id: "4d",
    title: "label and rewrite switched together, in one patch",
    expected: "admitted",
    play: (stage) =>
      stage.patch("ingress", "sitemaps", {
        metadata: {
          labels: { bucket: "sitemaps-20240201" },
          annotations: { [LEGACY_REWRITE]: "/sitemaps-20240201" },
        },
      }),
  },
  {
    id: "5a",
    title: "helm install of a chart whose Deployment lacks the label",
    expected: "refused",
    mentions: ["LBL-MISSING"],
    play: (stage) => stage.installChart("blog", deployment("blog", {})),
  },
  {
    id: "5b",
    title: "helm install of the same chart with the label",
    expected: "admitted",
    play: (stage) => stage.installChart("blog", deployment("blog", { "app.kubernetes.io/name": "blog" })),
  },
  {
    id: "6a",
    title: "the Pod is replaced: another CA, another certificate",
    expected: "admitted",
    mentions: ["new CA", "new certificate"],
    play: (stage) => stage.restart(),
  },
  {
    id: "6b",
    title: "and a Deployment without the label is still refused",
    expected: "refused",
    mentions: ["LBL-MISSING"],
    play: (stage) => stage.create(deployment("wordpress-2", {})),
  },
];

/** The reply with the annotation for its message: what the user sees with `kubectl get`. */
function withAnnotation(reply: Reply): Reply {
  const value = reply.object?.metadata?.annotations?.[BACKUP_VOLUMES];
  return value === undefined ? reply : { ...reply, message: `${BACKUP_VOLUMES}: ${value}` };
}

function deployment(name: string, labels: Readonly<Record<string, string>>): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: NAMESPACE, labels },
    spec: {
      // What a Deployment's Pods do is the same story again; here only the Deployment counts.
      replicas: 0,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name, image: "example.com/wordpress:6.8" }] },
      },
    },
  };
}

function podWithClaim(name: string, annotations?: Readonly<Record<string, string>>): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: NAMESPACE, labels: { app: name }, ...(annotations ? { annotations } : {}) },
    spec: {
      containers: [
        {
          name: "mongo",
          image: "example.com/mongo:8",
          volumeMounts: [
            { name: "data", mountPath: "/data/db" },
            { name: "tmp", mountPath: "/tmp" },
          ],
        },
      ],
      volumes: [
        { name: "data", persistentVolumeClaim: { claimName: "mongodb" } },
        { name: "tmp", emptyDir: {} },
      ],
    },
  };
}

function minio(): KubernetesObject {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "minio", namespace: NAMESPACE, labels: { app: "minio" } },
    spec: {
      serviceName: "minio",
      replicas: 1,
      selector: { matchLabels: { app: "minio" } },
      template: {
        metadata: { labels: { app: "minio" } },
        spec: {
          containers: [
            {
              name: "minio",
              image: "example.com/minio:1",
              args: ["server", "/data"],
              volumeMounts: [{ name: "data", mountPath: "/data" }],
            },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } },
        },
      ],
    },
  };
}

function sitemaps(): KubernetesObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      name: "sitemaps",
      namespace: NAMESPACE,
      labels: { app: "sitemaps", role: "static", bucket: "sitemaps-20240101" },
      annotations: { [LEGACY_REWRITE]: "/sitemaps-20240101" },
    },
    spec: {
      ingressClassName: "haproxy",
      rules: [
        {
          host: "sitemaps.example.com",
          http: {
            paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "minio", port: { number: 9000 } } } }],
          },
        },
      ],
    },
  };
}
