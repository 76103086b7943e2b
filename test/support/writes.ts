/** What the load writes: dry runs, so that a thousand of them leave nothing behind. */
import { type ApiRequest, pathOf } from "./api-client.ts";
import type { Write } from "./load.ts";

export const LOADED_NAMESPACE = "under-load";

const LABELLED: Write = {
  name: "labelled",
  request: dryRunOf(deployment("labelled", { app: "web" })),
  expected: "admitted",
};
const UNLABELLED: Write = { name: "unlabelled", request: dryRunOf(deployment("unlabelled", {})), expected: "refused" };

/**
 * Four that the shipped policies admit for one that they refuse: a call that was waved through is a failure too. Five, so
 * that in turns they don't always meet the same one of two or three replicas.
 */
export const SHIPPED_WRITES: readonly Write[] = [LABELLED, LABELLED, LABELLED, LABELLED, UNLABELLED];

/** With a word of Velero's, so that the API server asks about it: what nobody has a verdict on is never sent. */
export function deployment(name: string, labels: Readonly<Record<string, string>>) {
  const podLabels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels },
    spec: {
      selector: { matchLabels: podLabels },
      template: {
        metadata: { labels: podLabels, annotations: { "backup.velero.io/backup-volumes": "data" } },
        spec: {
          containers: [
            { name: "web", image: "registry.example.com/web:1", volumeMounts: [{ name: "data", mountPath: "/data" }] },
          ],
          volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
        },
      },
    },
  };
}

export function dryRunOf(body: object, namespace = LOADED_NAMESPACE): ApiRequest {
  return { method: "POST", path: `${pathOf("deployments.apps", namespace)}?dryRun=All`, body };
}
