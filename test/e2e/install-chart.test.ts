/** Installation by helm on a busy cluster, upgrades under load, and what comes with the chart. */
import { afterAll, describe, expect, it } from "vitest";
import { expectNoneLost, whileBusy } from "./support/busy.ts";
import { prepareNamespace, uninstallChart, upgradeChartOrThrow } from "./support/chart.ts";
import { amounts, describeE2e, hasHelm } from "./support/cluster.ts";
import { describeTimes, PORTCULLIS, waitForRollout, waitUntilEnforcing } from "./support/enforcing.ts";
import { helmOrThrow } from "./support/helm.ts";
import { wipe } from "./support/installed.ts";
import { expectOthers, podNames } from "./support/pods.ts";
import { expectNothingLeft } from "./support/removed.ts";

describeE2e("helm install manifests/chart", (cluster) => {
  const release = [PORTCULLIS, "--namespace", PORTCULLIS];

  const install = async (scenario: string): Promise<void> => {
    await prepareNamespace(cluster());
    const startMs = performance.now();
    await upgradeChartOrThrow(cluster());
    cluster().tell(scenario, describeTimes(await waitUntilEnforcing(cluster(), startMs)));
    await waitForRollout(cluster());
  };
  describe.skipIf(!hasHelm)(hasHelm ? "with helm" : "there is no helm", () => {
    afterAll(() => wipe(cluster()));

    it.runIf(amounts?.emptyClusters)("enforces, on an empty cluster", async () => {
      await wipe(cluster());
      await install("install by chart, empty cluster");
    });

    it("enforces on a busy cluster, and nobody's write is refused but by policy", async () => {
      await wipe(cluster());
      const work = () => install("install by chart, busy cluster");
      const { load } = await whileBusy(cluster(), "chart: writes meanwhile", work, { settled: false });
      expect([...load.failures]).toEqual([]);
      expect(load.verdicts.get("unlabelled: refused"), "and it enforces at the end").toBeGreaterThan(0);
    });

    it("passes its own test, and differs in nothing from what is installed", async () => {
      await helmOrThrow(cluster(), ["test", ...release]);
      const manifest = await helmOrThrow(cluster(), ["get", "manifest", ...release]);
      const { status, stdout } = await cluster().kubectl(["diff", "-f", "-"], { stdin: manifest });
      expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    });

    it.runIf(amounts?.chartUpgrade)("loses no write while it is upgraded", async () => {
      const before = await podNames(cluster());
      const work = async () => {
        await upgradeChartOrThrow(cluster(), { logLevel: "warn" });
        await waitForRollout(cluster());
      };
      expectNoneLost(await whileBusy(cluster(), "chart: upgrade", work));
      await expectOthers(cluster(), before);
    });

    it("and is uninstalled: nobody's write is refused, and nothing is left", async () => {
      const work = async () => {
        await uninstallChart(cluster());
      };
      const { load, counted } = await whileBusy(cluster(), "removal by chart", work, { settled: false });
      expect([...load.failures]).toEqual([]);
      expect(counted).toMatchObject({ callErrors: 0 });
      // What is still draining is of no use to anybody.
      await cluster().run(["delete", "pods", "--all", "-n", PORTCULLIS, "--force", "--grace-period=0"]);
      await cluster().run(["delete", "namespace", PORTCULLIS]);
      await expectNothingLeft(cluster());
    });
  });
});
