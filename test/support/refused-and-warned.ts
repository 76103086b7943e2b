/** Two namespaces with the same policies about nearly everything: in one they refuse, in the other they warn. And what they are shown. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject } from "../../src/kube/objects.ts";

export const BACKUP_VOLUMES = "backup.velero.io/backup-volumes";
const REWRITE = "ingress.kubernetes.io/rewrite-target";
const ACTIONS = { refused: "Deny", warned: "Warn" } as const;
export const NAMESPACES: readonly string[] = Object.keys(ACTIONS);
/** In another order than their names. */
const SPECS = {
  "c-volumes": { rule: "velero-backup" },
  "a-labels": { rule: "required-labels", params: { labels: [{ anyOf: ["app"] }] } },
  "d-ingresses": { rule: "ingress-bucket" },
  "b-secrets": { rule: "secret-env", promoteWarnings: true },
};

export function writePolicies(directory: string): void {
  for (const [namespace, action] of Object.entries(ACTIONS)) {
    Object.entries(SPECS).forEach(([name, spec], index) => {
      const policy = {
        apiVersion: "portcullis.dev/v1alpha1",
        kind: "Policy",
        metadata: { name: `${namespace}-${name}` },
        spec: { ...spec, validationActions: [action], match: { namespaces: { include: [namespace] } } },
      };
      writeFileSync(join(directory, `${index}-${namespace}.yaml`), JSON.stringify(policy));
    });
  }
}

export function namespaceOf(name: string): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

export function podWithClaims(
  name: string,
  claims: readonly string[],
  metadata: object = {},
  spec: object = {},
): KubernetesObject {
  const volumeMounts = claims.map((claim) => ({ name: claim, mountPath: `/mnt/${claim}` }));
  const volumes = claims.map((claim) => ({ name: claim, persistentVolumeClaim: { claimName: claim } }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "web" }, ...metadata },
    spec: { containers: [{ name: "web", image: "example.com/web:1", volumeMounts }], volumes, ...spec },
  };
}

export function podWithEnv(name: string, env: readonly object[], metadata: object = {}): KubernetesObject {
  return podWithClaims(name, [], metadata, { containers: [{ name: "web", image: "example.com/web:1", env }] });
}

export function ingressWith(name: string, rewrite: string): KubernetesObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name, labels: { app: "web" }, annotations: { [REWRITE]: rewrite } },
    spec: { ingressClassName: "haproxy", defaultBackend: { service: { name: "web", port: { number: 80 } } } },
  };
}
