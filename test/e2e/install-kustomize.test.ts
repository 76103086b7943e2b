/** Installation by `kubectl apply -k`, on an empty cluster and on one where people write all the while. */
import { beforeEach, expect, it } from "vitest";
import { expectNoneLost, whileBusy } from "./support/busy.ts";
import { amounts, describeE2e } from "./support/cluster.ts";
import { describeTimes, isEnforcing, waitForRollout, waitUntilEnforcing } from "./support/enforcing.ts";
import { wipe, writeMark } from "./support/installed.ts";
import { writeKustomization } from "./support/kustomize.ts";

describeE2e("kubectl apply -k manifests/base", (cluster) => {
  beforeEach(() => wipe(cluster()));

  it.runIf(amounts?.emptyClusters)("enforces, on an empty cluster", async () => {
    const startMs = performance.now();
    await cluster().run(["apply", "-k", writeKustomization(cluster(), "base")]);
    const times = await waitUntilEnforcing(cluster(), startMs);
    cluster().tell("install by kustomize, empty cluster", describeTimes(times));
  });

  it("enforces on a busy cluster, and nobody's write is refused but by policy", async () => {
    expect(await isEnforcing(cluster()), "control: nobody enforces before").toBe(false);
    const work = async () => {
      const startMs = performance.now();
      await cluster().run(["apply", "-k", writeKustomization(cluster(), "base")]);
      const times = await waitUntilEnforcing(cluster(), startMs);
      cluster().tell("install by kustomize, busy cluster", describeTimes(times));
      await waitForRollout(cluster());
    };
    const { load } = await whileBusy(cluster(), "writes meanwhile", work, { settled: false });
    expect([...load.failures]).toEqual([]);
    expect(load.verdicts.get("unlabelled: admitted"), "control: it was busy before").toBeGreaterThan(0);
    expect(load.verdicts.get("unlabelled: refused"), "and it enforces at the end").toBeGreaterThan(0);
  });

  it("and again, which changes nothing", async () => {
    const directory = writeKustomization(cluster(), "base");
    await cluster().run(["apply", "-k", directory]);
    await waitUntilEnforcing(cluster());
    await waitForRollout(cluster());
    const generations = ["get", "-k", directory, "-o", "custom-columns=:.kind,:.metadata.name,:.metadata.generation"];
    const before = await cluster().run(generations);
    const work = async () => {
      await cluster().run(["apply", "-k", directory]);
    };
    expectNoneLost(await whileBusy(cluster(), "the same applied again", work, { minCalls: 100 }));
    expect(await cluster().run(generations)).toBe(before);
    await writeMark(cluster(), "base");
  });
});
