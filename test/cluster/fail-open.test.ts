/** What failurePolicy Ignore lets through unjudged can't be counted by a server that is down: the API server counts it. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiClient, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { type Installation, kubectlOrThrow, type RunningPod, waitUntil } from "../support/installation.ts";
import { installClosed } from "../support/restart-under-load.ts";
import { deployment, dryRunOf } from "../support/writes.ts";

const LIMIT_MS = 30_000;
const WEBHOOK = "validate.portcullis.dev";
/** The shortest that there is: a call to a frozen server takes as long. */
const HASTY = { timeoutSeconds: 1 };

describeCluster("what failurePolicy Ignore lets through", (controlPlane) => {
  let installation: Installation;
  let api: ApiClient;
  let pod: RunningPod;

  beforeAll(async () => {
    installation = await installClosed(controlPlane());
    api = createApiClient(controlPlane());
    pod = await installation.startPod();
    await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
  });
  afterAll(async () => {
    api?.close();
    pod?.server.kill("SIGCONT");
    await installation?.stop();
  });

  const patch = (fields: object) => {
    const body = JSON.stringify({ webhooks: [{ name: WEBHOOK, ...fields }] });
    const configuration = ["validatingwebhookconfiguration", "portcullis"];
    return kubectlOrThrow(controlPlane(), ["patch", ...configuration, "--type=strategic", "-p", body]);
  };
  const callAt = (path: string) => patch({ clientConfig: { service: { ...serviceOf(installation), path } } });
  /** Of a Deployment that lacks what the policies ask for. */
  const statusOfWrite = async () => (await api.send(dryRunOf(deployment("web", {})))).status;
  const waitForStatus = (status: number) =>
    waitUntil(`a write gets ${status}`, LIMIT_MS, async () => (await statusOfWrite()) === status);

  async function countFailedOpen(): Promise<number> {
    const metrics = await kubectlOrThrow(controlPlane(), ["get", "--raw", "/metrics"]);
    const pattern = /^apiserver_admission_webhook_fail_open_count\{.*name="validate\.portcullis\.dev".*\} (\d+)$/gm;
    return [...metrics.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  it("G-38: control: what is refused, by a verdict or for the want of one, is not in the API server's count", async () => {
    expect(await statusOfWrite()).toBe(403);
    await callAt("/nowhere");
    await waitForStatus(500);
    expect(await countFailedOpen()).toBe(0);
    await callAt("/validate");
    await waitForStatus(403);
  });

  it.each<[string, () => unknown, () => unknown]>([
    ["an answer that is no verdict", () => callAt("/nowhere"), () => callAt("/validate")],
    ["no answer in time", () => pod.server.kill("SIGSTOP"), () => pod.server.kill("SIGCONT")],
    ["nobody who answers", () => pod.server.kill("SIGKILL"), () => {}],
  ])("G-38: is in the API server's count, each write of it: %s", async (_what, begin, end) => {
    await patch({ failurePolicy: "Ignore", ...HASTY });
    await begin();
    await waitForStatus(201);
    const before = await countFailedOpen();
    for (let times = 1; times <= 3; times++) {
      expect(await statusOfWrite()).toBe(201);
      expect(await countFailedOpen()).toBe(before + times);
    }
    await end();
    await patch({ failurePolicy: "Fail" });
  });
});

function serviceOf({ namespace }: Installation) {
  return { name: "portcullis", namespace };
}
