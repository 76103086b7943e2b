/** What a real API server can't be made to do in the middle of register; the rest is in test/cluster/register.test.ts. */
import { ApiException } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { registerEntries } from "../../init/register/entries.ts";
import { runRegister } from "../../init/register/register.ts";
import { waitForCanary, waitForRollout } from "../../init/register/waits.ts";
import { type ClusterConnection, connectToCluster } from "../../src/cluster/client.ts";
import type { WebhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import { readRegisterConfig } from "../../src/config.ts";
import { loadPolicies } from "../../src/policy/load.ts";
import { CANARY_MESSAGE } from "../../src/policy/policy.ts";
import type { LiveConfiguration } from "../../src/registration/configuration.ts";
import { desiredWebhooks } from "../../src/registration/desired.ts";
import { rules } from "../../src/rules/index.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { issueCa, toBundle } from "./existing-configuration.ts";
import {
  bundlesOf,
  CONFIG_NAME,
  createFakeClock,
  ENVIRONMENT,
  MUTATING,
  openApi,
  POLICY_DIR,
  prepareInit,
  readOwnCa,
  VALIDATING,
} from "./init-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

const SERVICE = { service: "portcullis", namespace: "policy" };
const WANTED = desiredWebhooks("validate", [policyOf(ruleThatFinds())], {
  ...SERVICE,
  servicePort: 443,
  excludeNamespaces: [],
});
const EMPTY: LiveConfiguration = { metadata: { name: "portcullis", resourceVersion: "1" }, webhooks: [] };
const DELETING = { ...EMPTY, metadata: { ...EMPTY.metadata, deletionTimestamp: "2026-06-01T12:00:00Z" } };
const COMPLETE = { ...EMPTY, webhooks: WANTED.map((webhook) => ({ objectSelector: {}, ...webhook })) };

function patience(deadlineSeconds = 30) {
  const clock = createFakeClock();
  const logLines: string[] = [];
  const logger = createLogger("init", "info", { write: (line) => logLines.push(JSON.parse(line).reason) });
  return { clock, logger, logLines, deadline: new Date(clock.now().getTime() + deadlineSeconds * 1000) };
}

describe("the entries", () => {
  /** Each read takes the next of `states`, and the last one stays; each patch the next of `results`. */
  async function run(
    states: readonly (LiveConfiguration | undefined)[],
    results: readonly ("patched" | "conflict" | "gone")[],
    wanted = WANTED,
  ): Promise<string[]> {
    const [left, answers] = [[...states], [...results]];
    const printed: string[] = [];
    const configurations: WebhookConfigurations = {
      read: async () => (left.length > 1 ? left.shift() : left[0]),
      patch: async () => answers.shift() ?? "patched",
      create: () => expect.fail("register creates nothing"),
    };
    await registerEntries({
      ...patience(),
      configurations,
      kind: "ValidatingWebhookConfiguration",
      name: "portcullis",
      serviceName: SERVICE,
      wanted,
      findCaBundle: async () => undefined,
      print: (line) => printed.push(line),
    });
    return printed;
  }

  it("are read again when somebody else has written in between", async () => {
    const printed = await run([EMPTY, COMPLETE], ["conflict"]);
    expect(printed).toHaveLength(WANTED.length + 1);
    expect(printed.at(-1)).toBe("ValidatingWebhookConfiguration portcullis: nothing to change");
  });

  it("are waited for while their configuration is being deleted", async () => {
    await expect(run([DELETING, COMPLETE], [])).resolves.toHaveLength(1);
  });

  it.each([
    ["from the beginning", [undefined], []],
    ["as it was about to be patched", [EMPTY, undefined], ["gone"]],
  ] as const)("of a configuration that is gone are not created: %s", async (_, states, results) => {
    await expect(run(states, results)).rejects.toMatchObject({
      code: "NO_CONFIGURATION",
      message: "there is no ValidatingWebhookConfiguration portcullis",
    });
  });

  it("that nobody wants need no configuration", async () => {
    await expect(run([undefined], [], [])).resolves.toEqual([]);
  });

  it("of our names that call somebody else are an error", async () => {
    const webhooks = COMPLETE.webhooks.map((webhook) => ({ ...webhook, clientConfig: {} }));
    await expect(run([{ ...EMPTY, webhooks }], [])).rejects.toMatchObject({
      code: "FOREIGN_CONFIGURATION",
      message:
        "validate.portcullis.dev of ValidatingWebhookConfiguration portcullis does not call the Service policy/portcullis",
    });
  });
});

describe("the first entry of ours in a configuration trusts the CAs that the other one holds as it is written", () => {
  /** With a Pod's CA in the validating configuration, and a mutating one without a webhook. */
  async function openApiWithoutMutation(): Promise<{ readonly api: ScriptedApi; readonly firstCa: string }> {
    const api = await openApi();
    const { run, certDir } = prepareInit(api);
    await run();
    api.put(MUTATING, { metadata: { name: CONFIG_NAME }, webhooks: [] });
    return { api, firstCa: readOwnCa(certDir) };
  }

  async function register(api: ScriptedApi, onCanary = async () => {}): Promise<void> {
    const { deadline: _, logLines: __, ...means } = patience();
    const complete = { metadata: {}, spec: {}, status: { replicas: 1, updatedReplicas: 1, availableReplicas: 1 } };
    const apps = { readNamespacedDeployment: async () => complete };
    const createNamespacedConfigMap = async () => {
      await onCanary();
      throw new ApiException(403, "", JSON.stringify({ message: CANARY_MESSAGE }), {});
    };
    await runRegister({
      ...means,
      config: readRegisterConfig({ ...ENVIRONMENT, WEBHOOK_DEPLOYMENT: "server" }),
      policies: loadPolicies(POLICY_DIR, rules),
      connection: {
        ...connectToCluster(api.kubeconfig),
        apps,
        core: { createNamespacedConfigMap },
      } as unknown as ClusterConnection,
      print: () => {},
    });
  }

  it("where nothing happens meanwhile", async () => {
    const { api, firstCa } = await openApiWithoutMutation();
    await register(api);
    expect(bundlesOf(api, MUTATING)).toEqual([[firstCa]]);
  });

  it("of a Pod that has started while the canary was waited for", async () => {
    const { api, firstCa } = await openApiWithoutMutation();
    const pod = prepareInit(api, { POD_UID: "pod-b" });
    await register(api, pod.run);
    expect(bundlesOf(api, MUTATING)).toEqual([[firstCa, readOwnCa(pod.certDir)]]);
  });

  it("of a Pod that has come before another try", async () => {
    const { api, firstCa } = await openApiWithoutMutation();
    const otherCa = issueCa("pod-b");
    const addOther = () => {
      const { webhooks = [], ...rest } = api.get(VALIDATING, CONFIG_NAME) ?? expect.fail("it is there");
      const caBundle = toBundle(firstCa, otherCa);
      api.put(VALIDATING, {
        ...rest,
        webhooks: webhooks.map((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } })),
      });
    };
    api.script({ verb: "patch", kind: MUTATING, before: addOther, answer: 409 });
    await register(api);
    expect(bundlesOf(api, MUTATING)).toEqual([[firstCa, otherCa]]);
  });
});

describe("the rollout", () => {
  const metadata = { generation: 3 };
  const spec = { replicas: 2 };
  const status = { observedGeneration: 3, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
  const complete = { metadata, spec, status };

  async function wait(...answers: readonly object[]): Promise<string[]> {
    const left = [...answers];
    const apps = { readNamespacedDeployment: async () => (left.length > 1 ? left.shift() : left[0]) };
    const { logLines, ...waiting } = patience(5);
    await waitForRollout({ apps } as unknown as ClusterConnection, { namespace: "policy", name: "server" }, waiting);
    return logLines;
  }

  it.each([
    ["is not observed", { observedGeneration: 2 }, "generation 3 has not been observed yet"],
    ["has an old Pod", { replicas: 3 }, "2 replicas wanted, 3 there, 2 updated, 2 available"],
    ["has not made every Pod", { updatedReplicas: 1 }, "2 replicas wanted, 2 there, 1 updated, 2 available"],
    ["has an unready Pod", { availableReplicas: 1 }, "2 replicas wanted, 2 there, 2 updated, 1 available"],
  ])("is waited for while it %s, and at the deadline told", async (_, parts, told) => {
    const incomplete = { ...complete, status: { ...status, ...parts } };
    const reason = `Deployment policy/server is not fully updated: ${told}`;
    expect(await wait(incomplete, incomplete, complete)).toEqual([reason]);
    await expect(wait(incomplete)).rejects.toMatchObject({ code: "ROLLOUT", message: expect.stringContaining(reason) });
  });
});

describe("the canary", () => {
  function refuseWith(code: number, message: string): Promise<void> {
    const createNamespacedConfigMap = async () => {
      throw new ApiException(code, "", JSON.stringify({ message }), {});
    };
    const connection = { core: { createNamespacedConfigMap } } as unknown as ClusterConnection;
    const readConfiguration = async () => COMPLETE;
    return waitForCanary(connection, { ...patience(2), ...SERVICE, servicePort: 443, readConfiguration });
  }

  it.each([
    ["x509: certificate signed by unknown authority", "the server's certificate is not of a CA in the caBundle"],
    ["context deadline exceeded", "a firewall between control plane and Pods"],
    ["dial tcp 10.0.0.9:443: connect: connection refused", "nobody listens behind the Service: look at its targetPort"],
    ['no endpoints available for service "portcullis"', "the Service has no ready Pod"],
    ["EOF", "the webhook can't be called"],
  ])("that fails with %s", async (cause, meaning) => {
    const message = `failed calling webhook "canary.portcullis.dev": failed to call webhook: ${cause}`;
    const failure = expect(refuseWith(500, message)).rejects;
    await failure.toMatchObject({ code: "CANARY", message: expect.stringMatching(/^[^\n]*$/) });
    await expect(refuseWith(500, message)).rejects.toThrow(`${message} (${meaning})`);
  });

  it("that another webhook refuses", async () => {
    const denied = refuseWith(403, 'admission webhook "a.example.com" denied the request: no');
    await expect(denied).rejects.toMatchObject({
      code: "CANARY",
      message: expect.stringContaining("(another webhook refuses it)"),
    });
  });

  it("that the account may not create is not tried again", async () => {
    await expect(refuseWith(403, "configmaps is forbidden: User cannot create")).rejects.toMatchObject({
      code: "RBAC",
    });
  });
});
