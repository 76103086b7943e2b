/**
 * Objects of every kind that the rules judge, each of which a real API server admits. Those that are stored start nothing:
 * no replicas, and no Job that runs.
 */
import fc from "fast-check";
import { type KubernetesObject, recordField, recordList } from "../../src/kube/objects.ts";
import { CLAIM_SPEC, type Fields, metadata, podSpecWith, weighted } from "./admissible-pods.ts";

const SELECTOR = { case: "1" };

function templateOf(spec: fc.Arbitrary<Fields>): fc.Arbitrary<Fields> {
  return fc.record({ metadata, spec });
}

/** With the label by which a workload knows its Pods. */
function selectedTemplateOf(spec: fc.Arbitrary<Fields>): fc.Arbitrary<Fields> {
  return fc.record({ metadata, spec }).map(({ metadata: own, spec: podSpec }) => ({
    metadata: { ...own, labels: { ...own.labels, ...SELECTOR } },
    spec: podSpec,
  }));
}

const daemonSetSpec = fc.record({
  selector: fc.constant({ matchLabels: SELECTOR }),
  template: selectedTemplateOf(podSpecWith()),
});
const deploymentSpec = daemonSetSpec.map((spec): Fields => ({ ...spec, replicas: 0 }));

const claims = fc.uniqueArray(fc.record({ name: fc.constantFrom("data", "pgdata"), metadata }), {
  selector: ({ name }) => name,
  maxLength: 2,
});
const statefulSetSpec = claims.chain((own) =>
  selectedTemplateOf(podSpecWith(own.map(({ name }) => name))).map((template) => ({
    selector: { matchLabels: SELECTOR },
    replicas: 0,
    serviceName: "generated",
    template,
    volumeClaimTemplates: own.map(({ name, metadata: rest }) => ({ metadata: { ...rest, name }, spec: CLAIM_SPEC })),
  })),
);

const backoff = fc.constantFrom<Fields>(
  {},
  { backoffLimit: 0 },
  { backoffLimit: 7 },
  { backoffLimit: 7, backoffLimitPerIndex: 1, completionMode: "Indexed", completions: 2 },
  { backoffLimitPerIndex: 1, completionMode: "Indexed", completions: 2 },
);
const jobSpec = fc
  .record({
    backoff,
    ttlSecondsAfterFinished: fc.constantFrom(0, 60, 86400, undefined),
    activeDeadlineSeconds: fc.constantFrom(1, 60, 3600, undefined),
    template: templateOf(podSpecWith().map((spec) => ({ ...spec, restartPolicy: "Never" }))),
  })
  .map(({ backoff: limits, ...spec }): Fields => ({ ...spec, ...limits, suspend: true }));
const cronJobSpec = fc.record({
  schedule: fc.constant("0 0 * * *"),
  suspend: fc.constant(true),
  concurrencyPolicy: fc.constantFrom("Allow", "Forbid", "Forbid", "Replace", undefined),
  startingDeadlineSeconds: fc.constantFrom(300, 300, undefined),
  jobTemplate: fc.record({ metadata, spec: jobSpec }),
});

interface Kind {
  readonly kind: string;
  readonly apiVersion: string;
  readonly weight: number;
  readonly spec: fc.Arbitrary<Fields>;
  /** What an update may make of the first spec on its way to the second; by default nothing. */
  readonly update?: (stored: Fields, next: Fields) => Fields;
}

const replace = (_stored: Fields, next: Fields) => next;
const service = { name: "web", port: { number: 80 } };
const KINDS: readonly Kind[] = [
  { kind: "Pod", apiVersion: "v1", weight: 5, spec: podSpecWith() },
  { kind: "Deployment", apiVersion: "apps/v1", weight: 3, spec: deploymentSpec, update: replace },
  {
    kind: "StatefulSet",
    apiVersion: "apps/v1",
    weight: 3,
    spec: statefulSetSpec,
    update: (stored, next) => (hasClaimsOf(stored, next) ? { ...stored, template: next.template } : stored),
  },
  { kind: "DaemonSet", apiVersion: "apps/v1", weight: 2, spec: daemonSetSpec, update: replace },
  { kind: "Job", apiVersion: "batch/v1", weight: 3, spec: jobSpec },
  { kind: "CronJob", apiVersion: "batch/v1", weight: 3, spec: cronJobSpec, update: replace },
  { kind: "PersistentVolumeClaim", apiVersion: "v1", weight: 2, spec: fc.constant(CLAIM_SPEC) },
  { kind: "Service", apiVersion: "v1", weight: 1, spec: fc.constant({ ports: [{ port: 80 }] }) },
  {
    kind: "Ingress",
    apiVersion: "networking.k8s.io/v1",
    weight: 1,
    spec: fc.constant({ defaultBackend: { service } }),
  },
  { kind: "Namespace", apiVersion: "v1", weight: 1, spec: fc.constant({}) },
];

function objectsOf({ kind, apiVersion, spec }: Kind): fc.Arbitrary<KubernetesObject> {
  return fc
    .record({ metadata: kind === "Ingress" ? ofSite : metadata, spec })
    .map((parts) => ({ apiVersion, kind, ...parts }));
}

/** With the label of a static site, more often than not. */
const ofSite = fc
  .tuple(metadata, fc.constantFrom({ bucket: "photos-20260101" }, { bucket: "" }, { role: "static" }, {}))
  .map(([own, site]) => ({ ...own, labels: { ...own.labels, ...site } }));

export interface Update {
  readonly before: KubernetesObject;
  /** Makes the object to send of what the API server has stored. */
  changed(stored: KubernetesObject): KubernetesObject;
}

/** Without a name. */
export const objects = weighted(...KINDS.map((kind) => [kind.weight, objectsOf(kind)] as const));
export const updates = weighted(...KINDS.map((kind) => [kind.weight, updatesOf(kind)] as const));

function updatesOf(kind: Kind): fc.Arbitrary<Update> {
  return fc.tuple(objectsOf(kind), objectsOf(kind)).map(([before, next]) => ({
    before,
    changed: (stored) => {
      const { labels, annotations } = next.metadata ?? {};
      const spec = kind.update?.(specOf(stored), specOf(next)) ?? stored.spec;
      return { ...stored, metadata: { ...stored.metadata, labels, annotations }, spec } as KubernetesObject;
    },
  }));
}

/** Claim templates stay as they are, and a template may only mount what is there. */
function hasClaimsOf(stored: Fields, next: Fields): boolean {
  const present = claimNamesOf(stored);
  return claimNamesOf(next).every((name) => present.includes(name));
}

function claimNamesOf(spec: Fields): readonly unknown[] {
  return recordList(spec, "volumeClaimTemplates").map((claim) => recordField(claim, "metadata")?.name);
}

function specOf(object: KubernetesObject): Fields {
  return recordField(object, "spec") ?? {};
}
