import { afterAll, beforeAll, expect, it } from "vitest";
import { describeCluster } from "../support/cluster.ts";
import { findHelm } from "../support/control-plane/find-helm.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { apply, type Installation, install, kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { createClusterStage } from "../tour/cluster-stage.ts";
import { NAMESPACE, type Stage } from "../tour/stage.ts";
import { stories } from "../tour/stories.ts";
import { tell } from "../tour/tell.ts";

describeCluster("the stories, by kubectl and helm, on a real API server", (controlPlane) => {
  let installation: Installation;
  let stage: Stage;

  beforeAll(async () => {
    await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
    installation = await install(controlPlane(), { env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    const pod = await installation.startPod();
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
    stage = createClusterStage(controlPlane(), installation, pod, findHelm(process.env, describeThisMachine()));
  });

  afterAll(() => installation?.stop());

  it.each(stories.map((story) => [`${story.id} ${story.title}`, story] as const))("%s", async (_title, story) => {
    const told = await tell(story, stage);
    if (told.verdict === "skipped") return expect(told.message).toMatch(/helm/);
    expect(told).toMatchObject({ ok: true, verdict: story.expected });
  });

  it("and none of it happens by itself: without the webhooks the first story's Deployment is admitted", async () => {
    await kubectlOrThrow(controlPlane(), ["delete", "validatingwebhookconfiguration", "portcullis"]);
    await waitUntil("the canary is admitted", 30_000, async () => !(await installation.isEnforcing()));
    const [first] = stories;
    if (!first) throw new Error("there are stories");
    await kubectlOrThrow(controlPlane(), ["delete", "deployment", "--all", "-n", NAMESPACE]);
    expect(await tell(first, stage)).toMatchObject({ ok: false, verdict: "admitted" });
  });
});
