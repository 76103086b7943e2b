/** The case files beside the rules, read and completed: one YAML file a rule, replayed at three heights. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { JudgedOperation, Rule, Severity } from "../../src/rules/rule.ts";

export const DEFAULT_NAMESPACE = "application";
export const DEFAULT_USERNAME = "alice";

export interface Case {
  readonly name: string;
  /** The row of the specification's table of vectors that this case is, if any. */
  readonly vector?: string;
  /** spec.params of the policy; defaults are filled in from the schema. */
  readonly params: object;
  /** Default: whether the rule mutates at all. */
  readonly mutate: boolean;
  /** Default: UPDATE when there is an oldObject, else CREATE. */
  readonly operation: JudgedOperation;
  /** Default: derived from apiVersion and kind. */
  readonly resource: string;
  readonly namespace: string;
  readonly username: string;
  readonly now: Date;
  readonly object: KubernetesObject;
  readonly oldObject?: KubernetesObject;
  /** What the patched object must hold; whatever is not named here must be as it was. Absent: no patch at all. */
  readonly patched?: KubernetesObject;
  /** All that `evaluate` returns, in order. `message` and `fix` are substrings, when given. */
  readonly violations: readonly ExpectedViolation[];
  /** The codes that a Deny policy refuses the request for, after the ratchet. Default: the violations of severity error. */
  readonly refused: readonly string[];
  /** Why the case can't be replayed on a real API server, if it can't. */
  readonly notLive?: string;
}

export interface ExpectedViolation {
  readonly code: string;
  readonly path: string;
  readonly severity?: Severity;
  readonly message?: string;
  readonly fix?: string;
}

const RESOURCES: Readonly<Record<string, string>> = {
  "v1/Pod": "pods",
  "v1/Service": "services",
  "v1/ConfigMap": "configmaps",
  "v1/PersistentVolumeClaim": "persistentvolumeclaims",
  "v1/Namespace": "namespaces",
  "apps/v1/Deployment": "deployments.apps",
  "apps/v1/StatefulSet": "statefulsets.apps",
  "apps/v1/DaemonSet": "daemonsets.apps",
  "apps/v1/ReplicaSet": "replicasets.apps",
  "batch/v1/Job": "jobs.batch",
  "batch/v1/CronJob": "cronjobs.batch",
  "networking.k8s.io/v1/Ingress": "ingresses.networking.k8s.io",
  "gateway.networking.k8s.io/v1/HTTPRoute": "httproutes.gateway.networking.k8s.io",
};

export function resourceOf(object: KubernetesObject): string {
  const resource = RESOURCES[`${object.apiVersion}/${object.kind}`];
  if (resource === undefined) throw new Error(`no resource known for ${object.apiVersion} ${object.kind}`);
  return resource;
}

type RawCase = Partial<Omit<Case, "now">> & Pick<Case, "name" | "object"> & { readonly now?: string };

export function casesOf(rule: Pick<Rule, "id" | "mutates" | "codes">): readonly Case[] {
  const file = new URL(`../../src/rules/${rule.id}/cases.yaml`, import.meta.url);
  const raw = parse(readFileSync(file, "utf8"), { maxAliasCount: -1 }) as readonly RawCase[];
  const severityOf = new Map(rule.codes.map((row) => [row.code, row.severity]));
  return raw.map((entry) => {
    const violations = entry.violations ?? [];
    return {
      params: {},
      mutate: rule.mutates !== undefined,
      operation: entry.oldObject === undefined ? "CREATE" : "UPDATE",
      resource: resourceOf(entry.object),
      namespace: DEFAULT_NAMESPACE,
      username: DEFAULT_USERNAME,
      refused: violations
        .filter((violation) => (violation.severity ?? severityOf.get(violation.code)) === "error")
        .map((violation) => violation.code),
      ...entry,
      now: new Date(entry.now ?? "2026-11-21T12:00:00Z"),
      violations,
    };
  });
}
