/** Whether portcullis enforces, as anybody can see who asks the API server. */
import { CANARY_MESSAGE } from "../../../src/policy/policy.ts";
import { CANARY_LABEL } from "../../../src/registration/desired.ts";
import { pathOf } from "../../support/api-client.ts";
import { waitUntil } from "../../support/wait.ts";
import type { E2eCluster } from "./cluster.ts";

export const PORTCULLIS = "portcullis";
export const CONFIGURATIONS = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
/** All kinds of ours that are in no namespace. */
export const CLUSTER_SCOPED = [
  "clusterroles",
  "clusterrolebindings",
  "validatingadmissionpolicies",
  "validatingadmissionpolicybindings",
  "mutatingwebhookconfigurations",
  "validatingwebhookconfigurations",
];

/** Longer than anything here takes on two busy cores. */
export const LIMIT_MS = 180_000;

/** Calls arrive: a dry run of the canary is refused by us. */
export async function isEnforcing({ api }: E2eCluster): Promise<boolean> {
  const metadata = { generateName: "canary-", labels: { [CANARY_LABEL]: "true" } };
  const { body } = await api.send({
    method: "POST",
    path: `${pathOf("configmaps", PORTCULLIS)}?dryRun=All`,
    body: { apiVersion: "v1", kind: "ConfigMap", metadata },
  });
  return String(body.message ?? "").includes(CANARY_MESSAGE);
}

/** register has promoted: no webhook waits for it any more, and one at least fails closed. */
export async function failsClosed({ api }: E2eCluster): Promise<boolean> {
  const path = `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${PORTCULLIS}`;
  const { status, body } = await api.send({ method: "GET", path });
  if (status !== 200 || body.metadata.annotations?.["portcullis.dev/pending-promotion"]) return false;
  return body.webhooks.some(({ failurePolicy }: { readonly failurePolicy: string }) => failurePolicy === "Fail");
}

export interface InstallTimes {
  readonly enforcingMs: number;
  readonly closedMs: number;
}

/** From `startMs` on, as performance.now() has it. */
export async function waitUntilEnforcing(cluster: E2eCluster, startMs = performance.now()): Promise<InstallTimes> {
  await waitUntil("the canary is refused", LIMIT_MS, () => isEnforcing(cluster));
  const enforcingMs = performance.now() - startMs;
  await waitUntil("the webhooks fail closed", LIMIT_MS, () => failsClosed(cluster));
  return { enforcingMs, closedMs: performance.now() - startMs };
}

export function describeTimes({ enforcingMs, closedMs }: InstallTimes): string {
  return `enforcing after ${seconds(enforcingMs)}, fails closed after ${seconds(closedMs)}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** The names of our webhook configurations that are there; "" for none. */
export async function configurations({ run }: E2eCluster): Promise<string> {
  return (await run(["get", CONFIGURATIONS, "-l", `app.kubernetes.io/name=${PORTCULLIS}`, "-o", "name"])).trim();
}

export async function waitForRollout({ run }: E2eCluster): Promise<void> {
  // Two of them: kubectl is ended after two minutes.
  const status = ["rollout", "status", `deployment/${PORTCULLIS}`, "-n", PORTCULLIS, "--timeout=100s"];
  await run(status).catch(() => run(status));
}
