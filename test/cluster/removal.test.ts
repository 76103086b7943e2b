/** What is left when portcullis goes, in the right order and in the wrong one. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type ApiClient, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { type Installation, kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { installClosed } from "../support/restart-under-load.ts";
import { deployment, dryRunOf } from "../support/writes.ts";

const KINDS = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
/** The garbage collector looks within a second or two; this is long enough for a machine under load. */
const LIMIT_MS = 30_000;

describeCluster("portcullis is removed while every Pod is dead and failurePolicy is Fail", (controlPlane) => {
  let installation: Installation;
  let api: ApiClient;
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane(), args);
  const configurations = async () => (await kubectl("get", KINDS, "-o", "name")).trim();
  const statusOfWrite = async () => (await api.send(dryRunOf(deployment("web", { app: "web" })))).status;

  beforeAll(() => {
    api = createApiClient(controlPlane());
  });
  afterAll(() => api?.close());

  beforeEach(async () => {
    installation = await installClosed(controlPlane());
    const pod = await installation.startPod();
    await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
    await pod.stop();
    expect(await statusOfWrite(), "control: nobody serves, so a write fails").toBe(500);
  });
  afterEach(() => installation?.stop());

  it("with the ClusterRole that owns them the configurations go, and writes pass", async () => {
    await kubectl("delete", "clusterrole", "portcullis-init");
    await waitUntil("both configurations are collected", LIMIT_MS, async () => (await configurations()) === "");
    expect(await statusOfWrite()).toBe(201);
  });

  it("F-118: with the namespace first, the documented command repairs it", async () => {
    await kubectl("delete", "namespace", installation.namespace, "--timeout=60s");
    expect((await configurations()).split("\n")).toHaveLength(2);
    expect(await statusOfWrite()).toBe(500);
    // As manifests/README.md has it.
    await kubectl("delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "portcullis");
    await waitUntil("a write passes", LIMIT_MS, async () => (await statusOfWrite()) === 201);
  });
});
