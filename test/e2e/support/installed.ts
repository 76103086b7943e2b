/** What a test needs installed, once: a test that asks for what is there takes it as it is. */
import { E2E_NAMESPACE } from "../access.ts";
import type { E2eCluster } from "./cluster.ts";
import {
  CLUSTER_SCOPED,
  CONFIGURATIONS,
  failsClosed,
  isEnforcing,
  PORTCULLIS,
  waitForRollout,
  waitUntilEnforcing,
} from "./enforcing.ts";
import { writeKustomization } from "./kustomize.ts";

const MARK = "installed";

/** `source` is a kustomization below manifests/. Ends when it enforces, fails closed, and is rolled out. */
export async function ensureKustomized(cluster: E2eCluster, source: string): Promise<void> {
  await ensure(cluster, source, async () => {
    await cluster.run(["apply", "-k", writeKustomization(cluster, source)]);
  });
}

export async function ensure(cluster: E2eCluster, mark: string, install: () => Promise<void>): Promise<void> {
  if ((await readMark(cluster)) === mark && (await failsClosed(cluster)) && (await isEnforcing(cluster))) return;
  await wipe(cluster);
  await install();
  await waitUntilEnforcing(cluster);
  await waitForRollout(cluster);
  await writeMark(cluster, mark);
}

export async function writeMark({ run }: E2eCluster, mark: string): Promise<void> {
  const metadata = { name: MARK, namespace: E2E_NAMESPACE };
  await run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { mark } }));
}

function readMark({ run }: E2eCluster): Promise<string> {
  return run(["get", "configmap", MARK, "-n", E2E_NAMESPACE, "--ignore-not-found", "-o", "jsonpath={.data.mark}"]);
}

/** Without ceremony: whatever state an earlier test has left. How a user removes it is a test of its own. */
export async function wipe({ run }: Pick<E2eCluster, "run">): Promise<void> {
  await run(["delete", "configmap", MARK, "-n", E2E_NAMESPACE, "--ignore-not-found"]);
  // Those first that would make the others again: the Deployment its Pods, and init in a new one the configurations.
  await run(["delete", "deployments,jobs,cronjobs", "--all", "-n", PORTCULLIS]);
  await run(["delete", "pods", "--all", "-n", PORTCULLIS, "--grace-period=0", "--force"]);
  await run(["delete", CONFIGURATIONS, PORTCULLIS, "--ignore-not-found"]);
  await run(["delete", "namespace", PORTCULLIS, "--ignore-not-found"]);
  await run(["delete", CLUSTER_SCOPED.join(), "-l", "app.kubernetes.io/name=portcullis", "--ignore-not-found"]);
}
