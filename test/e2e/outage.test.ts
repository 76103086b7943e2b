/** Nobody serves, and failurePolicy is Fail: what goes on, and how it ends. */
import { beforeAll, expect, it } from "vitest";
import { waitUntil } from "../support/wait.ts";
import { deployment, dryRunOf } from "../support/writes.ts";
import { namespace } from "./support/busy.ts";
import { describeE2e } from "./support/cluster.ts";
import { isEnforcing, LIMIT_MS, PORTCULLIS, seconds, waitForRollout } from "./support/enforcing.ts";
import { ensureKustomized } from "./support/installed.ts";
import { IDLE, podOfNode } from "./support/node-pods.ts";
import { killPods, podNames, scaleTo } from "./support/pods.ts";

const ELSEWHERE = "portcullis-e2e-elsewhere";
const LEASES = ["get", "lease", "-n", "kube-node-lease", "-o", "jsonpath={.items[*].spec.renewTime}"];

describeE2e("every replica is gone", (cluster) => {
  const statusOfWrite = async (where: string) =>
    (await cluster().api.send(dryRunOf(deployment("web", { app: "web" }), where))).status;

  beforeAll(async () => {
    await ensureKustomized(cluster(), "base");
    await cluster().run(["apply", "-f", "-"], JSON.stringify(namespace(ELSEWHERE)));
  });

  it("killed at once: the Deployment comes back by itself", async () => {
    const before = await podNames(cluster());
    const startMs = performance.now();
    await killPods(cluster(), before);
    // They are told to end, and the API server goes on to call them for a moment.
    await waitUntil("nobody serves", LIMIT_MS, async () => (await statusOfWrite(ELSEWHERE)) === 500);
    await waitUntil("enforcement is back", LIMIT_MS, () => isEnforcing(cluster()));
    const backMs = performance.now() - startMs;
    await waitForRollout(cluster());
    const after = await podNames(cluster());
    expect(after).toHaveLength(before.length);
    expect(after.filter((name) => before.includes(name))).toEqual([]);
    cluster().tell("both replicas killed", `enforcing again after ${seconds(backMs)}`);
  });

  it("for good: kube-system, the own namespace and the node go on, and the rest once somebody scales it up", async () => {
    await scaleTo(cluster(), 0);
    expect(await statusOfWrite(ELSEWHERE), "control: nobody serves, and Fail is what it says").toBe(500);
    expect(await statusOfWrite("kube-system")).toBe(201);
    expect(await statusOfWrite(PORTCULLIS)).toBe(201);

    const leases = await cluster().run(LEASES);
    await waitUntil("the node renews its lease", LIMIT_MS, async () => (await cluster().run(LEASES)) !== leases);
    const pod = podOfNode(cluster(), { name: "portcullis-e2e-outage", namespace: "kube-system", script: IDLE });
    await cluster().run(["create", "-f", "-"], JSON.stringify(pod));
    const name = ["pod/portcullis-e2e-outage", "-n", "kube-system"];
    await cluster().run(["wait", ...name, "--for=condition=Ready", "--timeout=100s"]);
    await cluster().run(["delete", ...name]);
    // Deletions are never judged.
    await cluster().run(["delete", "namespace", ELSEWHERE]);

    const startMs = performance.now();
    await scaleTo(cluster(), 2);
    cluster().tell(
      "no replica",
      `kube-system, own namespace and node went on; scaled up in ${seconds(performance.now() - startMs)}`,
    );
    expect(await isEnforcing(cluster())).toBe(true);
  });
});
