/** Proof: keepers renew the certificates of running servers, and no call fails. */
import { expect, it } from "vitest";
import { callWhile, summarise } from "../support/load.ts";
import { withReplicas } from "../support/restart-under-load.ts";
import { describeUnderLoad } from "../support/under-load.ts";
import { SHIPPED_WRITES } from "../support/writes.ts";

/** Due after 80 s, give or take a tenth, and seen to in the round after that: each of the two renews once. */
const ENV = { CERT_RENEWAL: "keeper", CERT_VALIDITY: "2m" };
const LOAD_MS = 125_000;
const LOAD = { writes: SHIPPED_WRITES, ratePerSecond: 25, minCalls: 3000 };
const REPLICAS = { count: 2, mode: "fresh", lagMs: 0, env: ENV } as const;

describeUnderLoad("keepers that renew under load", (loaded) => {
  it("lose no call", { timeout: 240_000 }, async () => {
    const { controlPlane, installation, api } = loaded();
    await withReplicas(controlPlane, installation, REPLICAS, async (replicas) => {
      const before = replicas.certificates();
      const report = await callWhile(
        { clients: [api], ...LOAD },
        () => new Promise((done) => setTimeout(done, LOAD_MS)),
      );
      const after = replicas.certificates();
      const renewed = after.filter((fingerprint) => !before.includes(fingerprint)).length;
      process.stdout.write(
        summarise("keepers renew, fresh", report, `, ${renewed} of ${after.length} certificates renewed`),
      );
      expect(renewed).toBe(REPLICAS.count);
      expect(report.failed).toBe(0);
    });
  });
});
