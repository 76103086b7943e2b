import { expect, test } from "vitest";
import { registerCa } from "../../init/ca/register-ca.ts";
import { connectToCluster } from "../../src/cluster/client.ts";
import { webhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import type { StoredConfiguration } from "./configuration-store.ts";
import { existingConfiguration, issueCa, toBundle } from "./existing-configuration.ts";
import {
  bundlesOf,
  CONFIG_NAME,
  createFakeClock,
  ENVIRONMENT,
  MUTATING,
  NOW,
  openApi,
  prepareInit,
  readOwnCa,
  VALIDATING,
} from "./init-run.ts";

const [otherCa, strangersCa] = [issueCa("pod-b"), issueCa("pod-c")];

/** As `configuration`, with this caBundle in the webhooks of our Service, and this resourceVersion. */
function withBundle(
  configuration: StoredConfiguration,
  caBundle: string,
  resourceVersion: string,
): StoredConfiguration {
  const webhooks = (configuration.webhooks ?? []).map((webhook) =>
    ["first.example.org", "last.example.org"].includes(webhook.name)
      ? { ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }
      : webhook,
  );
  return { ...configuration, metadata: { ...configuration.metadata, resourceVersion }, webhooks };
}

test("F-107: our CA is put behind the others, in our webhooks only, and everything else stays byte for byte", async () => {
  const api = await openApi();
  const configuration = existingConfiguration(otherCa, strangersCa);
  api.put(MUTATING, configuration);
  api.put(VALIDATING, configuration);
  const { run, certDir } = prepareInit(api);
  await run();
  const caBundle = toBundle(otherCa, strangersCa, readOwnCa(certDir));
  for (const [kind, version] of [
    [MUTATING, "3"],
    [VALIDATING, "4"],
  ] as const) {
    expect(JSON.stringify(api.get(kind, CONFIG_NAME))).toBe(
      JSON.stringify(withBundle(configuration, caBundle, version)),
    );
  }
});

test("F-107: what is sent is a strategic merge patch of nothing but the caBundles, under the resourceVersion that was read", async () => {
  const api = await openApi();
  const { metadata } = api.put(VALIDATING, existingConfiguration(otherCa));
  const { run, certDir } = prepareInit(api, { MUTATE_CONFIG: "" });
  await run();
  const writes = api.requests.filter(({ verb }) => verb !== "get");
  const clientConfig = { caBundle: toBundle(otherCa, readOwnCa(certDir)) };
  expect(writes).toEqual([
    {
      verb: "patch",
      kind: VALIDATING,
      name: CONFIG_NAME,
      fieldManager: "portcullis-init",
      contentType: "application/strategic-merge-patch+json",
      body: {
        metadata: { resourceVersion: metadata.resourceVersion },
        webhooks: [
          { name: "first.example.org", clientConfig },
          { name: "last.example.org", clientConfig },
        ],
      },
    },
  ]);
});

test.each([
  ["no caBundle", undefined],
  ["an empty one", ""],
  ["one of garbage", "Z2FyYmFnZQ=="],
])("F-100: %s becomes one that holds our CA", async (_, caBundle) => {
  const api = await openApi();
  const service = { name: ENVIRONMENT.WEBHOOK_SERVICE, namespace: ENVIRONMENT.WEBHOOK_NAMESPACE };
  const clientConfig = caBundle === undefined ? { service } : { service, caBundle };
  api.put(VALIDATING, { metadata: { name: CONFIG_NAME }, webhooks: [{ name: "a.example.org", clientConfig }] });
  const { run, certDir } = prepareInit(api);
  await run();
  expect(bundlesOf(api, VALIDATING)).toEqual([[readOwnCa(certDir)]]);
});

test("a webhook that has our CA already is left out of the patch", async () => {
  const api = await openApi();
  const own = issueCa("pod-a");
  const configuration = existingConfiguration(otherCa);
  const [first, ...others] = configuration.webhooks ?? [];
  if (!first) throw new Error("there are webhooks");
  const done = { ...first, clientConfig: { ...first.clientConfig, caBundle: toBundle(otherCa, own) } };
  api.put(VALIDATING, { ...configuration, webhooks: [done, ...others] });
  await registerIn(api.kubeconfig, own);
  expect(api.requests.find(({ verb }) => verb === "patch")?.body).toMatchObject({
    webhooks: [{ name: "last.example.org" }],
  });
});

test("a CA that is there already is not written again", async () => {
  const api = await openApi();
  api.put(VALIDATING, existingConfiguration(otherCa));
  const own = issueCa("pod-a");
  expect(await registerIn(api.kubeconfig, own)).toBe(true);
  const stored = api.get(VALIDATING, CONFIG_NAME);
  expect(await registerIn(api.kubeconfig, own)).toBe(false);
  expect(api.get(VALIDATING, CONFIG_NAME)).toBe(stored);
  expect(api.requests.map(({ verb }) => verb)).toEqual(["get", "patch", "get", "get"]);
});

test("a configuration in which nobody calls our Service is refused, and left alone", async () => {
  const api = await openApi();
  const { webhooks = [], ...rest } = existingConfiguration();
  api.put(VALIDATING, { ...rest, webhooks: webhooks.filter(({ name }) => /^(by-url|other)\./.test(name)) });
  const stored = api.get(VALIDATING, CONFIG_NAME);
  await expect(prepareInit(api, { MUTATE_CONFIG: "" }).run()).rejects.toMatchObject({
    code: "FOREIGN_CONFIGURATION",
    message: `${VALIDATING} ${CONFIG_NAME} exists, but none of its webhooks calls the Service policy/portcullis`,
  });
  expect(api.get(VALIDATING, CONFIG_NAME)).toBe(stored);
  expect(api.requests.every(({ verb }) => verb === "get")).toBe(true);
});

/** A run of init makes a CA of its own each time, so this is about the step by itself. */
function registerIn(kubeconfig: string, caPem: string): Promise<boolean> {
  const connection = connectToCluster(kubeconfig);
  return registerCa({
    configurations: webhookConfigurations(connection, "portcullis-init"),
    kind: VALIDATING,
    name: CONFIG_NAME,
    own: { service: ENVIRONMENT.WEBHOOK_SERVICE, namespace: ENVIRONMENT.WEBHOOK_NAMESPACE, podUid: "pod-a", caPem },
    serverDate: connection.serverDate,
    deadline: new Date(NOW.getTime() + 1000),
    clock: createFakeClock(),
    logger: createLogger("init", "fatal"),
  });
}
