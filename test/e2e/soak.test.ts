/** What the Pods take under load over time: `--soak SECONDS`. */
import { beforeAll, expect, it } from "vitest";
import { expectNoneLost, whileBusy } from "./support/busy.ts";
import { describeE2e, soakSeconds } from "./support/cluster.ts";
import { ensureKustomized } from "./support/installed.ts";
import { podNames, restartCount } from "./support/pods.ts";
import { type Sample, sampleServers, summariseUse } from "./support/usage.ts";

/** The kubelet measures every ten seconds or so. */
const INTERVAL_MS = 10_000;
/** For what comes before and after the load, on a busy machine. */
const EXTRA_SECONDS = 600;

describeE2e("under load over time", (cluster) => {
  beforeAll(() => ensureKustomized(cluster(), "base"));

  it("memory stays level, and no write fails", { timeout: (soakSeconds + EXTRA_SECONDS) * 1000 }, async () => {
    const names = await podNames(cluster());
    const samples: Sample[] = [];
    const work = async () => {
      const endMs = performance.now() + soakSeconds * 1000;
      while (performance.now() < endMs) {
        await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
        samples.push(...(await sampleServers(cluster(), names)));
      }
    };
    const busy = await whileBusy(cluster(), `load for ${soakSeconds} s`, work);
    for (const name of names) {
      const use = summariseUse(samples.filter((sample) => sample.pod === name));
      cluster().tell(name, use.text);
      // Twice what it was in the first quarter would be a leak, and no garbage collector's mood.
      expect(use.lastQuarterMiB).toBeLessThan(2 * use.firstQuarterMiB);
    }
    expectNoneLost(busy);
    expect(await podNames(cluster())).toEqual(names);
    expect(await restartCount(cluster())).toBe(0);
  });
});
