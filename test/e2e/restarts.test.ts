/** Replicas come and go under load, and no write fails. For each way in which certificates are renewed. */
import { beforeAll, describe, expect, it } from "vitest";
import { FORMS } from "./scenarios.ts";
import { expectNoneLost, whileBusy } from "./support/busy.ts";
import { amounts, describeE2e } from "./support/cluster.ts";
import { PORTCULLIS, waitForRollout } from "./support/enforcing.ts";
import { ensureKustomized, wipe } from "./support/installed.ts";
import { drain, expectOthers, killAndReplace, podNames, scaleTo } from "./support/pods.ts";

const { renewals, restarts, disruptions, controls } = amounts ?? FORMS.short;
/** 0 among them is fewer than one in 1,000, with 95 % confidence. */
const MIN_CALLS_OF_TEN = 3000;

describeE2e("no write fails under 50 a second, failurePolicy Fail, while", (cluster) => {
  describe.each(renewals)("manifests/%s", (source) => {
    const told = (what: string) => `${source}: ${what}`;
    beforeAll(() => ensureKustomized(cluster(), source));

    it(`is restarted, ${restarts} times`, async () => {
      const before = await podNames(cluster());
      const work = async () => {
        for (let round = 0; round < restarts; round++) {
          await cluster().run(["rollout", "restart", `deployment/${PORTCULLIS}`, "-n", PORTCULLIS]);
          await waitForRollout(cluster());
        }
      };
      const minCalls = restarts >= 10 ? MIN_CALLS_OF_TEN : 0;
      expectNoneLost(await whileBusy(cluster(), told(`rollout restart, ${restarts} times`), work, { minCalls }));
      await expectOthers(cluster(), before);
    });

    it.runIf(disruptions)("is scaled from 2 to 5 and back", async () => {
      const work = async () => {
        await scaleTo(cluster(), 5);
        await scaleTo(cluster(), 2);
      };
      expectNoneLost(await whileBusy(cluster(), told("scale 2-5-2"), work));
    });
  });

  describe("manifests/base", () => {
    beforeAll(() => ensureKustomized(cluster(), "base"));

    it.runIf(disruptions)("Pods are deleted by force, one after the other", async () => {
      const work = async () => {
        for (const name of await podNames(cluster())) await killAndReplace(cluster(), name);
      };
      expectNoneLost(await whileBusy(cluster(), "kubectl delete pod --force, each in turn", work));
    });

    it.runIf(disruptions)("the nodes are drained, one after the other, and come back", async () => {
      const nodes = (await cluster().run(["get", "nodes", "-o", "name"])).trim().split("\n");
      const work = async () => {
        for (const node of nodes) {
          const isDrained = await drain(cluster(), node).finally(() => cluster().run(["uncordon", node]));
          // Where there is no other node, the budget keeps the last replica: the drain waits, and nobody's write does.
          expect(isDrained).toBe(nodes.length > 1);
          await waitForRollout(cluster());
        }
      };
      expectNoneLost(await whileBusy(cluster(), `drain of ${nodes.length} node(s), one by one`, work));
    });
  });

  it.runIf(controls)("control: with no time to drain, the same load loses writes", async () => {
    await ensureKustomized(cluster(), "base");
    const setDrain = ["set", "env", `deployment/${PORTCULLIS}`, "-n", PORTCULLIS, "-c", "server"];
    const recreate = '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}';
    const work = async () => {
      await cluster().run(["patch", "deployment", PORTCULLIS, "-n", PORTCULLIS, "--type=merge", "-p", recreate]);
      await cluster().run([...setDrain, "DRAIN_SECONDS=0"]);
      await waitForRollout(cluster());
    };
    // Whoever comes next must not take it for what ships.
    const { load, counted } = await whileBusy(cluster(), "control: strategy Recreate", work).finally(() =>
      wipe(cluster()),
    );
    expect(load.failed).toBeGreaterThan(0);
    expect(counted.callErrors).toBeGreaterThan(0);
    expect(counted.failOpen).toBeGreaterThan(0);
  });
});
