/** The server's Pods. */
import { expect } from "vitest";
import { waitUntil } from "../../support/wait.ts";
import type { E2eCluster } from "./cluster.ts";
import { LIMIT_MS, PORTCULLIS, waitForRollout } from "./enforcing.ts";

const SERVERS = ["-n", PORTCULLIS, "-l", "app.kubernetes.io/name=portcullis,app.kubernetes.io/component=server"];

/** Sorted; without those that are on their way out. */
export async function podNames(cluster: E2eCluster): Promise<readonly string[]> {
  return await namesWhere(cluster, ({ metadata }) => metadata.deletionTimestamp === undefined);
}

async function namesWhere({ run }: E2eCluster, isMeant: (pod: Item) => unknown): Promise<readonly string[]> {
  const { items }: { items: readonly Item[] } = JSON.parse(await run(["get", "pods", ...SERVERS, "-o", "json"]));
  return items
    .filter(isMeant)
    .map(({ metadata }) => metadata.name)
    .toSorted();
}

/** None of `before` is left. */
export async function expectOthers(cluster: E2eCluster, before: readonly string[]): Promise<void> {
  const after = await podNames(cluster);
  const left = after.filter((name) => before.includes(name));
  expect(left, "control: the Pods are others now").toEqual([]);
}

interface Item {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/**
 * Kills a Pod and ends when another is there in its place. For a moment after the kill the Deployment's status counts the one
 * that is gone, so that there seems to be nothing to wait for.
 */
export async function killAndReplace(cluster: E2eCluster, name: string): Promise<void> {
  const isReady = ({ status }: Item) => status.conditions?.some((one) => one.type === "Ready" && one.status === "True");
  const count = (await namesWhere(cluster, isReady)).length;
  await killPods(cluster, [name]);
  await waitUntil(`another Pod is ready in place of ${name}`, LIMIT_MS, async () => {
    const names = await namesWhere(cluster, isReady);
    return names.length === count && !names.includes(name);
  });
  await waitForRollout(cluster);
}

/** Ends when so many are there and serve, and all others are gone, not only told to go. */
export async function scaleTo(cluster: E2eCluster, replicas: number): Promise<void> {
  await cluster.run(["scale", `deployment/${PORTCULLIS}`, "-n", PORTCULLIS, `--replicas=${replicas}`]);
  await waitForRollout(cluster);
  await waitUntil(`${replicas} Pods are left`, LIMIT_MS, async () => {
    const names = await cluster.run(["get", "pods", ...SERVERS, "-o", "name"]);
    return names.split("\n").filter((name) => name !== "").length === replicas;
  });
}

/** `--force`: without waiting for them to have ended, and without time to drain. */
export async function killPods({ run }: E2eCluster, names: readonly string[]): Promise<void> {
  await run(["delete", "pod", ...names, "-n", PORTCULLIS, "--force", "--grace-period=0"]);
}

/** Whether all of our Pods there could be evicted, in the time of a patient administrator. */
export async function drain({ kubectl }: E2eCluster, node: string): Promise<boolean> {
  const ours = ["--pod-selector=app.kubernetes.io/name=portcullis", "--delete-emptydir-data", "--ignore-daemonsets"];
  const { status, stderr } = await kubectl(["drain", node, ...ours, "--timeout=30s"]);
  if (status !== 0 && !/disruption budget|timed? ?out/i.test(stderr)) throw new Error(stderr);
  return status === 0;
}

/** Of all containers of all servers together. */
export async function restartCount({ run }: E2eCluster): Promise<number> {
  const counts = await run([
    "get",
    "pods",
    ...SERVERS,
    "-o",
    "jsonpath={.items[*].status.containerStatuses[*].restartCount}",
  ]);
  return counts.split(" ").reduce((sum, count) => sum + Number(count), 0);
}
