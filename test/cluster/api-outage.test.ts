/** Proof: init outlasts an API server that is away for a while, and says why when it is away for too long. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeCluster } from "../support/cluster.ts";
import { type Installation, install, kubectlOrThrow } from "../support/installation.ts";

describeCluster("init while the API server is away", (controlPlane) => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await install(controlPlane(), { env: { CA_SETTLE_MS: "0" } });
    const { init } = installation.startInit();
    expect(await init.exited).toMatchObject({ status: 0 });
  });
  afterAll(() => installation?.stop());

  /** Of one init, with no kubelet to start it again. */
  async function runWhile(somethingHappens: () => Promise<void>) {
    const { init, certDir } = installation.startInit();
    await somethingHappens();
    const { status } = await init.exited;
    return { status, stderr: init.stderr(), stdout: init.stdout(), certDir };
  }

  const expectInBundle = async (certDir: string): Promise<void> => {
    const path = "jsonpath={.webhooks[0].clientConfig.caBundle}";
    const read = ["get", "validatingwebhookconfiguration", "portcullis", "-o", path];
    const bundle = Buffer.from(await kubectlOrThrow(controlPlane(), read), "base64").toString();
    expect(bundle).toContain(readFileSync(join(certDir, "ca.crt"), "utf8"));
  };

  it("F-105: waits, and completes once it is back", async () => {
    await controlPlane().stopApiServer();
    const { status, stderr, certDir } = await runWhile(() => controlPlane().restartApiServer());
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    await expectInBundle(certDir);
  });

  it("F-105: completes when it goes away in the middle", async () => {
    const { status, stderr, certDir } = await runWhile(() => controlPlane().restartApiServer());
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    await expectInBundle(certDir);
  });

  it("is not put off by what an API server forbids before it has read the roles", async () => {
    const outcomes: string[] = [];
    for (let tries = 0; tries < 4; tries++) {
      await controlPlane().stopApiServer();
      const { status, stdout } = await runWhile(() => controlPlane().restartApiServer());
      outcomes.push(`${status}${stdout.includes("has not read its roles yet") ? ", after a 403" : ""}`);
    }
    process.stdout.write(`  init, four API servers that start: ${outcomes.join("; ")}\n`);
    expect(outcomes.every((outcome) => outcome.startsWith("0"))).toBe(true);
  });

  it("F-105: ends with the reason at its deadline", async () => {
    await controlPlane().stopApiServer();
    const startMs = performance.now();
    const { init } = installation.startInit({ env: { INIT_DEADLINE_SECONDS: "3" } });
    const { status } = await init.exited;
    expect(performance.now() - startMs).toBeLessThan(6000);
    expect({ status, stderr: init.stderr() }).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^API: gave up after \d+ tries: .*ECONNREFUSED/),
    });
  });
});
