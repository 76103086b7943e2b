/** Proof: a rolling restart fails no call, whichever way the API server connects and however late the endpoints are. */
import { describe, expect, it } from "vitest";
import { summarise } from "../support/load.ts";
import type { ReplicasOptions } from "../support/replicas.ts";
import { type RestartReport, restartUnderLoad } from "../support/restart-under-load.ts";
import { trustOnlyNewest } from "../support/trust-only-newest.ts";
import { describeUnderLoad } from "../support/under-load.ts";

/** Well below what two idle cores can bear when every call is a handshake. */
const RATE_PER_SECOND = 90;
/**
 * With LONG_TESTS each number of replicas with each lag, and 3,000 calls a mode. Rule of three: no failure among them means fewer
 * than one in 1,000, with 95 % confidence.
 */
const LONG = [2, 3].flatMap((count) => [0, 1500, 5000].map((lagMs) => ({ count, lagMs })));
const SHORT = { pooled: [{ count: 3, lagMs: 0 }], fresh: [{ count: 2, lagMs: 1500 }] };
const MIN_CALLS = 500;

describeUnderLoad("rolling restarts under load, failurePolicy Fail", (loaded) => {
  const restart = async (options: ReplicasOptions): Promise<RestartReport> => {
    const { controlPlane, installation, api } = loaded();
    const load = { clients: [api], ratePerSecond: RATE_PER_SECOND, minCalls: MIN_CALLS };
    const report = await restartUnderLoad(controlPlane, installation, { ...options, ...load });
    const title = `${options.count} replicas, ${options.mode}, endpoints ${options.lagMs} ms late`;
    process.stdout.write(summarise(title, report, `, ${report.connections} connections`));
    return report;
  };

  describe.each(["pooled", "fresh"] as const)("%s connections", (mode) => {
    it.each(process.env.LONG_TESTS ? LONG : SHORT[mode])(
      "F-112: no call fails: $count replicas, endpoints $lagMs ms late",
      async ({ count, lagMs }) => {
        const report = await restart({ count, mode, lagMs });
        expect([...report.failures]).toEqual([]);
        expect(report.failed).toBe(0);
        expect(report.calls).toBeGreaterThanOrEqual(MIN_CALLS);
        if (mode === "fresh") expect(report.connections).toBeGreaterThanOrEqual(report.calls);
        // A draining server asks for new connections too.
        else expect(report.connections).toBeLessThan(report.calls * 0.75);
      },
    );
  });

  describe("and the same load sees what goes wrong", () => {
    it.each(["pooled", "fresh"] as const)("when the newest CA replaces the others, %s connections", async (mode) => {
      const afterInit = trustOnlyNewest.bind(undefined, loaded().controlPlane);
      const { failed, failures } = await restart({ count: 2, mode, lagMs: 0, afterInit });
      expect(failed).toBeGreaterThan(0);
      expect([...failures.keys()].join()).toContain("certificate signed by unknown authority");
    });

    it("when a server does not outlive its place among the endpoints", async () => {
      const { failed } = await restart({ count: 2, mode: "fresh", lagMs: 1500, drainSeconds: 0 });
      expect(failed).toBeGreaterThan(0);
    });
  });
});
