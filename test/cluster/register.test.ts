import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PENDING_PROMOTION } from "../../src/registration/configuration.ts";
import { describeCluster } from "../support/cluster.ts";
import { type Installation, install, kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { byName, type Configuration, failurePolicies, webhooksOf, withoutBundles } from "../support/live-entries.ts";
import { prepareRegister, type RegisterJob, writePolicies } from "../support/register-job.ts";
import { deploy, type Rollout } from "../support/rollout.ts";

const DEFAULT = "validate.portcullis.dev";
const CANARY = "canary.portcullis.dev";
const POLICIES = "policies.portcullis.dev";
const LABELS = policy("labels", "pods, deployments.apps");
const MORE_LABELS = policy("labels", "pods, jobs.batch");
const OF_TEAMS = policy("of-teams", "pods", "namespaceSelector: { matchLabels: { team: a } }");
const BACKUPS = `
apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata: { name: backups }
spec: { rule: velero-backup, mutate: true }`;

function policy(name: string, resources: string, match = ""): string {
  return `
apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata: { name: ${name} }
spec:
  rule: required-labels
  params: { labels: [{ anyOf: [app] }] }
  match:
    resources: [${resources}]
    ${match}`;
}

describeCluster("register, after a rollout on a real API server", (controlPlane) => {
  let installation: Installation;
  let rollout: Rollout;
  let job: RegisterJob;
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane(), args);
  const read = async (kind = "validating"): Promise<Configuration> =>
    JSON.parse(await kubectl("get", `${kind}webhookconfiguration`, "portcullis", "-o", "json"));
  const edit = (entry: object, kind = "validating") =>
    kubectl("patch", `${kind}webhookconfiguration`, "portcullis", "-p", JSON.stringify({ webhooks: [entry] }));

  beforeAll(async () => {
    installation = await install(controlPlane(), { env: { CA_SETTLE_MS: "0" } });
    job = await prepareRegister(controlPlane(), installation);
    rollout = await deploy(controlPlane());
    await rollout.finish();
  });
  afterAll(() => installation?.stop());
  afterEach(async () => {
    await kubectl("delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "--all");
  });

  /** A Pod of a Deployment that is fully updated, until `stop`. */
  async function serve(policies: readonly string[], env: Readonly<Record<string, string>> = {}) {
    return await installation.startPod({ policyDir: writePolicies(policies), env });
  }

  /** Servers with other policies, and then the Job: what an upgrade is, and a roll-back. */
  async function upgrade(policies: readonly string[]): Promise<readonly string[]> {
    const pod = await serve(policies);
    const lines = await job.succeed(policies);
    await pod.stop();
    return lines;
  }

  describe("a first install", () => {
    it("fails closed once calls arrive, and is then left alone", async () => {
      const pod = await serve([LABELS]);
      expect(failurePolicies(await read())).toEqual({ [DEFAULT]: "Ignore", [CANARY]: "Ignore", [POLICIES]: "Ignore" });
      const lines = await job.succeed([LABELS]);
      expect(lines).toContain(`ValidatingWebhookConfiguration portcullis: ${DEFAULT} failurePolicy: Ignore -> Fail`);
      const promoted = await read();
      expect(failurePolicies(promoted)).toEqual({ [DEFAULT]: "Fail", [CANARY]: "Ignore", [POLICIES]: "Ignore" });
      expect(promoted.metadata.annotations?.[PENDING_PROMOTION]).toBeUndefined();

      expect(await job.succeed([LABELS])).toEqual([
        "ValidatingWebhookConfiguration portcullis: nothing to change",
        "MutatingWebhookConfiguration portcullis: nothing to change",
      ]);
      expect((await read()).metadata.resourceVersion).toBe(promoted.metadata.resourceVersion);
      await pod.stop();
    });

    it("with FIRST_INSTALL=fail there is nothing to promote", async () => {
      const pod = await serve([LABELS], { FIRST_INSTALL: "fail" });
      expect(failurePolicies(await read())).toEqual({ [DEFAULT]: "Fail", [CANARY]: "Ignore", [POLICIES]: "Ignore" });
      expect(await job.succeed([LABELS])).toContain("ValidatingWebhookConfiguration portcullis: nothing to change");
      await pod.stop();
    });

    it.each([
      [
        "nobody answers",
        {},
        /it was admitted, so calls from the API server .*, and failurePolicy Ignore lets them pass/,
      ],
      ["the caBundle is gone", { clientConfig: { caBundle: null } }, /the caBundle of canary.portcullis.dev holds no/],
      ["and somebody made the canary fail", { failurePolicy: "Fail" }, /connection refused.*\(nobody listens behind/],
    ])("stays open while the canary is not refused, and says why: %s", async (_, fields, why) => {
      const pod = await serve([LABELS]);
      await pod.stop();
      await edit({ name: CANARY, ...fields });
      const { status, reason } = await job.fail([LABELS], { REGISTER_DEADLINE_SECONDS: "2" });
      expect({ status, reason }).toEqual({ status: 1, reason: expect.stringMatching(why) });
      expect(reason).toMatch(/^CANARY: /);
      const live = await read();
      expect(failurePolicies(live)[DEFAULT]).toBe("Ignore");
      expect(live.metadata.annotations[PENDING_PROMOTION]).toBe(DEFAULT);
    });
  });

  describe("an upgrade", () => {
    it("changes the rules once, when the Deployment is fully updated, and not before", async () => {
      await upgrade([LABELS]);
      const before = await read();
      const pod = await serve([MORE_LABELS, OF_TEAMS]);
      await rollout.begin();
      const early = await job.fail([MORE_LABELS, OF_TEAMS], { REGISTER_DEADLINE_SECONDS: "2" });
      expect(early).toEqual({ status: 1, reason: expect.stringMatching(/^ROLLOUT: .* 2 replicas wanted, .* updated/) });
      const waiting = job.start([MORE_LABELS, OF_TEAMS], { REGISTER_DEADLINE_SECONDS: "60" });
      await waitUntil("it waits", 10_000, async () => waiting.stdout().includes("waiting for the rollout"));
      expect(withoutBundles(await read())).toEqual(withoutBundles(before));
      const { generation } = (await read()).metadata;
      await rollout.finish();
      expect(await waiting.exited).toMatchObject({ status: 0 });
      await pod.stop();
      const after = await read();
      expect(after.metadata.generation).toBe(generation + 1);
      expect(Object.values(failurePolicies(after))).toEqual(
        expect.arrayContaining(["Fail", "Fail", "Ignore", "Ignore"]),
      );
    });

    it("adds, drops and changes entries; lists in them are replaced; a roll-back brings them back", async () => {
      await upgrade([LABELS, BACKUPS]);
      const before = await read();
      const lines = await upgrade([MORE_LABELS, OF_TEAMS]);
      expect(lines.filter((line) => line.includes(" -> "))).toHaveLength(4);
      const after = await read();
      const entry = byName(after, DEFAULT);
      expect(entry.rules.map(({ resources }: Configuration) => resources)).toEqual([["pods"], ["jobs"]]);
      const added = after.webhooks.find(({ name }: Configuration) => /^[0-9a-f]{8}\.validate\./.test(name));
      expect(added).toMatchObject({ failurePolicy: "Fail", namespaceSelector: { matchLabels: { team: "a" } } });
      expect(added.clientConfig.caBundle).toBe(entry.clientConfig.caBundle);
      expect((await read("mutating")).webhooks ?? []).toEqual([]);

      await upgrade([LABELS, BACKUPS]);
      expect(webhooksOf(await read())).toEqual(webhooksOf(before));
      const mutating = byName(await read("mutating"), "mutate.portcullis.dev");
      expect(mutating.clientConfig.caBundle).toBe(byName(await read(), DEFAULT).clientConfig.caBundle);
    });

    it("leaves what somebody has set, and what a provider adds", async () => {
      await upgrade([LABELS]);
      const { matchExpressions } = byName(await read(), DEFAULT).namespaceSelector;
      const widened = [...matchExpressions, { key: "control-plane", operator: "DoesNotExist" }];
      const edits = { failurePolicy: "Ignore", timeoutSeconds: 9, namespaceSelector: { matchExpressions: widened } };
      await edit({ name: DEFAULT, ...edits });
      const lines = await upgrade([MORE_LABELS]);
      expect(lines).toContain(
        `ValidatingWebhookConfiguration portcullis: ${DEFAULT} failurePolicy: Ignore is left; wanted Fail`,
      );
      const entry = byName(await read(), DEFAULT);
      expect(entry).toMatchObject(edits);
      expect(entry.rules.map(({ resources }: Configuration) => resources)).toEqual([["pods"], ["jobs"]]);
    });

    it("replaces selectors as a whole, and brings back a lost canary", async () => {
      await upgrade([LABELS]);
      const before = await read();
      const namespaceSelector = { $patch: "replace", matchLabels: { judged: "true" } };
      await edit({ name: DEFAULT, namespaceSelector, objectSelector: { matchLabels: { judged: "true" } } });
      await edit({ $patch: "delete", name: CANARY });
      await upgrade([LABELS]);
      expect(webhooksOf(await read())).toEqual(webhooksOf(before));
    });
  });

  it("F-107: creates no configuration", async () => {
    expect(await job.fail([LABELS])).toEqual({
      status: 1,
      reason: "NO_CONFIGURATION: there is no ValidatingWebhookConfiguration portcullis",
    });
  });
});
