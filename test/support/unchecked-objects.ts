/**
 * Objects of all kinds of which only that is as it should be which the contract asks for: strings in metadata. All else may
 * be what the rules look for, nearly so, or anything at all.
 */
import fc from "fast-check";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { weighted } from "./admissible-pods.ts";

const KINDS: readonly (readonly [string, string])[] = [
  ["v1", "Pod"],
  ["v1", "Service"],
  ["v1", "ConfigMap"],
  ["v1", "PersistentVolumeClaim"],
  ["v1", "Namespace"],
  ["apps/v1", "Deployment"],
  ["apps/v1", "StatefulSet"],
  ["apps/v1", "DaemonSet"],
  ["apps/v1", "ReplicaSet"],
  ["batch/v1", "Job"],
  ["batch/v1", "CronJob"],
  ["networking.k8s.io/v1", "Ingress"],
  ["gateway.networking.k8s.io/v1", "HTTPRoute"],
];

/** What the rules look for, and what makes trouble in JavaScript, JSON, terminals and patterns. */
const text = weighted(
  [
    6,
    fc.constantFrom(
      ...["", " ", "data", " data,,logs", "a,b,a", "generated", "true", "web", "static", "photos-20260101", "octocat"],
      ...[
        "/photos/$1",
        "/photos-20260101",
        "(.*) /photos\\1",
        "serviceName=minio rewrite=/photos/;",
        "$2",
        "/a(/|$)(.*)",
      ],
      ...["__proto__", "constructor", '["sync"]', "[", "30", "1h", "hunter2", "postgres://a:b@c/d", "minio", "console"],
      ...["-----BEGIN PRIVATE KEY-----", "\u001b[31m\n%s", "\u202e\ud800", "<&>", "é", "\u2028", "x".repeat(300)],
    ),
  ],
  [1, fc.string({ unit: "binary", maxLength: 20 })],
);
const key = weighted(
  [
    6,
    fc.constantFrom(
      ...["app", "app.kubernetes.io/name", "role", "bucket", "team", "constructor", "__proto__", "toString", "a~b/c~1"],
      ...[
        "backup.velero.io/backup-volumes",
        "backup.velero.io/backup-volumes-excludes",
        "portcullis.dev/backup-volumes",
      ],
      ...["pre.hook.backup.velero.io/command", "pre.hook.backup.velero.io/timeout", "velero.io/exclude-from-backup"],
      ...[
        "ingress.kubernetes.io/rewrite-target",
        "nginx.ingress.kubernetes.io/rewrite-target",
        "haproxy.org/path-rewrite",
      ],
      ...[
        "nginx.ingress.kubernetes.io/server-snippet",
        "portcullis.dev/github-login",
        "portcullis.dev/owner",
        "helm.sh/hook",
      ],
      ...["portcullis.dev/policies", "kubernetes.io/config.mirror"],
    ),
  ],
  [1, fc.string({ unit: "binary", maxLength: 10 })],
);
const map = fc.option(fc.dictionary(key, text, { maxKeys: 5 }), { nil: undefined, freq: 6 });
/** A Job's are copied by a patch, and the library that applies it here refuses this key, which is a label's name nowhere. */
const ofTemplate = weighted<unknown>([15, map], [1, fc.jsonValue({ maxDepth: 2 })]).filter(
  (labels) => !Object.hasOwn(Object(labels), "__proto__"),
);
const owner = fc.record({
  kind: fc.constantFrom("ReplicaSet", "Job", "StatefulSet"),
  name: fc.constant("owner"),
  controller: fc.boolean(),
});
const metadata = fc.record(
  {
    name: fc.constantFrom("web", "u-octocat", "kube-proxy"),
    generateName: fc.constantFrom("web-", "u-"),
    labels: fc.option(map),
    annotations: fc.option(map),
    ownerReferences: fc.option(fc.array(owner, { maxLength: 2 })),
    deletionTimestamp: weighted<string | undefined>(
      [20, fc.constant(undefined)],
      [1, fc.constant("2026-11-21T12:00:00Z")],
    ),
  },
  { requiredKeys: ["labels", "annotations"] },
);

/** Now and then anything at all. */
const oddly = (usual: fc.Arbitrary<unknown>) => weighted<unknown>([15, usual], [1, fc.jsonValue({ maxDepth: 2 })]);
const listOf = (usual: fc.Arbitrary<unknown>) => oddly(fc.array(oddly(usual), { maxLength: 3 }));
const fields = (all: Readonly<Record<string, fc.Arbitrary<unknown>>>) => oddly(fc.record(all, { requiredKeys: [] }));

const use = fields({ name: text, mountPath: text });
const container = fields({
  name: text,
  env: listOf(
    fields({ name: fc.constantFrom("DB_PASSWORD", "TOKEN_FILE", "URL"), value: text, valueFrom: fields({}) }),
  ),
  volumeMounts: listOf(use),
  volumeDevices: listOf(use),
});
const claim = fc.constant({ claimName: "claim" });
const volume = fields({
  name: text,
  persistentVolumeClaim: claim,
  emptyDir: fields({ medium: text }),
  hostPath: fields({}),
});
const podSpec = fields({ containers: listOf(container), initContainers: listOf(container), volumes: listOf(volume) });
const template = fields({ metadata: fields({ labels: ofTemplate, annotations: oddly(map) }), spec: podSpec });
const jobSpec = {
  ttlSecondsAfterFinished: oddly(fc.nat()),
  backoffLimit: oddly(fc.nat()),
  concurrencyPolicy: text,
  template,
};
const path = fields({
  path: text,
  backend: fields({ service: fields({ name: text, port: fields({ number: fc.nat() }) }) }),
});
const routeFilter = fields({
  type: fc.constant("URLRewrite"),
  urlRewrite: fields({ path: fields({ replacePrefixMatch: text }) }),
});
const spec = weighted<unknown>(
  [3, podSpec],
  [
    3,
    fields({
      ...jobSpec,
      volumeClaimTemplates: listOf(fields({ metadata: fields({ name: text, annotations: map }) })),
    }),
  ],
  [1, fields({ jobTemplate: fields({ metadata, spec: fields(jobSpec) }), concurrencyPolicy: text })],
  [
    2,
    fields({
      rules: listOf(fields({ host: text, http: fields({ paths: listOf(path) }) })),
      tls: listOf(fields({ hosts: listOf(text) })),
    }),
  ],
  [
    1,
    fields({
      hostnames: listOf(text),
      rules: listOf(fields({ filters: listOf(routeFilter), backendRefs: listOf(use) })),
    }),
  ],
  [1, fc.jsonValue()],
);
export const uncheckedObjects = fc
  .record({
    kind: fc.constantFrom(...KINDS),
    metadata: fc.option(metadata, { nil: undefined, freq: 30 }),
    spec: fc.option(spec, { nil: undefined, freq: 20 }),
    data: fc.option(fc.dictionary(fc.constantFrom("a.yaml", "b.yml", "key"), text), { nil: undefined }),
  })
  .map(({ kind: [apiVersion, kind], ...rest }) => ({ apiVersion, kind, ...rest }) as KubernetesObject);

/** Pods with claims, mounted or not, with and without lists that somebody wrote: what is patched most. */
const volumeName = fc.constantFrom("data", "logs", "default-token-x", "__proto__");
const names = fc.uniqueArray(volumeName, { maxLength: 3 });
export const podsWithClaims = fc
  .record({ metadata, claimed: names, mounted: names, initMounted: names, others: names })
  .map(({ metadata: own, claimed, mounted, initMounted, others }) => {
    const mounts = (list: readonly string[]) => list.map((name) => ({ name, mountPath: `/mnt/${name}` }));
    const volumes = [
      ...claimed.map((name) => ({ name, persistentVolumeClaim: { claimName: "claim" } })),
      ...others.filter((name) => !claimed.includes(name)).map((name) => ({ name, emptyDir: {} })),
    ];
    const containers = [{ name: "main", image: "a", volumeMounts: mounts(mounted) }];
    const initContainers = [{ name: "init", image: "a", volumeMounts: mounts(initMounted) }];
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: own,
      spec: { containers, initContainers, volumes },
    } as KubernetesObject;
  });

/** With the metadata of the others, and a spec that may be of another kind. */
export const uncheckedIngresses = fc.record({ metadata, spec }).map((parts) => {
  return { apiVersion: "networking.k8s.io/v1", kind: "Ingress", ...parts } as KubernetesObject;
});
