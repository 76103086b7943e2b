/** Proof: two API servers, as a control plane of two nodes has them; each hears of a new CA before its server answers. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiClient, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import type { SecondApiServer } from "../support/control-plane/start.ts";
import type { Installation } from "../support/installation.ts";
import { summarise } from "../support/load.ts";
import { installClosed, restartUnderLoad } from "../support/restart-under-load.ts";
import { trustOnlyNewest } from "../support/trust-only-newest.ts";

const MODES = process.env.LONG_TESTS ? (["pooled", "fresh"] as const) : (["fresh"] as const);
const OPTIONS = { count: 2, lagMs: 0, ratePerSecond: 90 } as const;

describeCluster("two API servers on one etcd, load on both, inits by way of one", (controlPlane) => {
  let installation: Installation;
  let second: SecondApiServer;
  let clients: readonly ApiClient[];
  beforeAll(async () => {
    installation = await installClosed(controlPlane());
    second = await controlPlane().startSecondApiServer();
    clients = [createApiClient(controlPlane()), createApiClient({ ...controlPlane(), ...second })];
  });
  afterAll(async () => {
    for (const client of clients ?? []) client.close();
    await installation?.stop();
  });

  it.each(MODES)("no call fails in a rolling restart, %s connections", async (mode) => {
    const options = { ...OPTIONS, mode, clients, minCalls: 500 };
    const report = await restartUnderLoad(controlPlane(), installation, options);
    const connections = `, ${report.connections} connections`;
    process.stdout.write(summarise(`2 replicas, ${mode}, 2 API servers`, report, connections));
    expect([...report.failures]).toEqual([]);
    expect(report.failed).toBe(0);
  });

  it("and load on the second one alone sees a bundle that was replaced through the first", async () => {
    const afterInit = trustOnlyNewest.bind(undefined, controlPlane());
    const options = { ...OPTIONS, mode: "fresh", clients: clients.slice(1), minCalls: 500, afterInit } as const;
    const { failed } = await restartUnderLoad(controlPlane(), installation, options);
    expect(failed).toBeGreaterThan(0);
  });
});
