/** A server that is killed beside another, and an API server and an etcd that are started again: all of it under load. */
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { ApiClient } from "../support/api-client.ts";
import type { ControlPlane } from "../support/control-plane/start.ts";
import { inParallel } from "../support/in-parallel.ts";
import { kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { callWhile, summarise } from "../support/load.ts";
import { withReplicas } from "../support/restart-under-load.ts";
import { describeUnderLoad } from "../support/under-load.ts";
import { deployment, dryRunOf, SHIPPED_WRITES } from "../support/writes.ts";

const LIMIT_MS = 60_000;
const KILL_RATE_PER_SECOND = 60;
/** An API server that starts has enough to do. */
const RESTART_RATE_PER_SECOND = 20;
const CONFIGURATION = ["validatingwebhookconfiguration", "portcullis"] as const;

/** A client that tells how many of its calls were under way at any moment between the beginning and the end of `work`. */
function watchCalls(api: ApiClient) {
  const open = new Set<object>();
  let touched: Set<object> | undefined;
  const client: ApiClient = {
    ...api,
    send: (request) => {
      const call = {};
      open.add(call);
      touched?.add(call);
      return api.send(request).finally(() => open.delete(call));
    },
  };
  return {
    client,
    async countDuring(work: () => Promise<void>): Promise<number> {
      touched = new Set(open);
      await work();
      const { size } = touched;
      touched = undefined;
      return size;
    },
  };
}

describeUnderLoad("under load, failurePolicy Fail", (loaded) => {
  const load = (client: ApiClient, ratePerSecond: number, minCalls: number, work = async () => {}) =>
    callWhile({ clients: [client], writes: SHIPPED_WRITES, ratePerSecond, minCalls }, work);

  it.each([
    { failurePolicy: "Fail", mode: "pooled", lost: /^(un)?labelled: status 500 .*failed calling webhook/ },
    { failurePolicy: "Fail", mode: "fresh", lost: /^(un)?labelled: status 500 .*failed calling webhook/ },
    { failurePolicy: "Ignore", mode: "fresh", lost: /^unlabelled: admitted$/ },
  ] as const)(
    "F-95: of two servers one is killed: at most what it had in hand is lost, $failurePolicy, $mode connections",
    { timeout: 120_000 },
    async ({ failurePolicy, mode, lost }) => {
      const { controlPlane, installation, api } = loaded();
      await withReplicas(controlPlane, installation, { count: 2, mode, lagMs: 0 }, async (replicas) => {
        const patch = JSON.stringify({ webhooks: [{ name: "validate.portcullis.dev", failurePolicy }] });
        await kubectlOrThrow(controlPlane, ["patch", ...CONFIGURATION, "--type=strategic", "-p", patch]);
        const { client, countDuring } = watchCalls(api);
        let inHand = 0;
        const report = await load(client, KILL_RATE_PER_SECOND, 500, async () => {
          await sleep(2000);
          inHand = await countDuring(() => replicas.killOldest());
          await sleep(1000);
        });
        process.stdout.write(summarise(`SIGKILL, ${failurePolicy}, ${mode}`, report, `, ${inHand} calls under way`));
        expect(report.failed).toBeLessThanOrEqual(inHand);
        expect([...report.failures.keys()].filter((reason) => !lost.test(reason))).toEqual([]);
        const after = await load(api, KILL_RATE_PER_SECOND, 200);
        expect([...after.failures]).toEqual([]);
      });
    },
  );

  const restarts: readonly [string, (running: ControlPlane) => Promise<void>][] = [
    ["an API server", (running) => running.restartApiServer()],
    ["an etcd", (running) => running.restartEtcd()],
  ];
  it.each(restarts)(
    "F-113: %s that is started again, again and again, fails nothing of ours, and leaves no connection open",
    { timeout: 240_000 },
    async (_name, restart) => {
      const { controlPlane, installation, api } = loaded();
      await kubectlOrThrow(controlPlane, ["delete", ...CONFIGURATION, "--ignore-not-found"]);
      const pod = await installation.startPod();
      const countOpen = () => readdirSync(`/proc/${pod.server.pid}/fd`).length;
      // As many connections as the API server keeps: each burst has them all.
      const burst = () =>
        inParallel(25, Array(100).fill({ app: "web" }), (labels) => api.send(dryRunOf(deployment("web", labels))));
      const opened: number[] = [];
      for (let round = 0; round < 3; round++) {
        if (round > 0) {
          const report = await load(api, RESTART_RATE_PER_SECOND, 0, () => restart(controlPlane));
          const ours = [...report.failures.keys()].filter((reason) => reason.includes("failed calling webhook"));
          expect(ours).toEqual([]);
        }
        await waitUntil("writes are judged", LIMIT_MS, async () => {
          const answers = await Promise.all(
            // A connection that is kept may be one of the API server that has gone.
            ["app", "other"].map((key) =>
              api.send(dryRunOf(deployment("web", { [key]: "web" }))).catch(() => undefined),
            ),
          );
          return answers.map((answer) => answer?.status).join() === "201,403";
        });
        expect((await burst()).filter(({ status }) => status !== 201)).toEqual([]);
        opened.push(countOpen());
      }
      process.stdout.write(`  open files after each round: ${opened.join(", ")}\n`);
      const [first = 0, ...later] = opened;
      expect(Math.max(...later)).toBeLessThan(first + 25);
      await pod.stop();
      expect(await pod.server.exited).toMatchObject({ status: 0 });
    },
  );
});
