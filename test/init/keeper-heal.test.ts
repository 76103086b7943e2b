/** What a round does about the caBundles; when rounds happen is keeper.test.ts, on a real API server test/cluster. */
import { expect, test } from "vitest";
import { issueCertificates } from "../../src/tls/issue.ts";
import { issueCa, toBundle } from "./existing-configuration.ts";
import { bundlesOf, CONFIG_NAME, MUTATING, NOW, openApi, readOwnCa, VALIDATING } from "./init-run.ts";
import { startKeeper } from "./keeper-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

const IN_BUNDLE = `portcullis_ca_in_bundle{configuration="${VALIDATING}/${CONFIG_NAME}"}`;
const CERTIFICATES = `portcullis_bundle_certificates{configuration="${VALIDATING}/${CONFIG_NAME}"}`;
const foreignCa = issueCertificates({
  names: { service: "mesh", namespace: "mesh" },
  keyAlgorithm: "ecdsa-p256",
  notBefore: NOW,
  notAfter: new Date(NOW.getTime() + 86_400_000),
}).caPem;

/** As somebody does who replaces the object. */
function replaceBundles(api: ScriptedApi, caBundle: string | undefined, manager = "kubectl-replace"): void {
  const { metadata, webhooks = [], ...rest } = api.get(VALIDATING, CONFIG_NAME) ?? { metadata: { name: CONFIG_NAME } };
  const managedFields = [
    { manager: "portcullis-init", time: "2026-06-01T12:00:00Z", fieldsV1: {} },
    { manager: "gitops", time: "2026-06-01T11:00:00Z", fieldsV1: {} },
    { manager, time: "2026-06-01T11:30:00Z", fieldsV1: {} },
  ];
  api.put(VALIDATING, {
    ...rest,
    metadata: { ...metadata, managedFields },
    webhooks: webhooks.map(({ clientConfig: { caBundle: _, ...others }, ...webhook }) => ({
      ...webhook,
      clientConfig: caBundle === undefined ? others : { ...others, caBundle },
    })),
  });
}

test("nothing to do: one read of each configuration, and no write", async () => {
  const api = await openApi();
  const { runRound, logLines, sample } = await startKeeper(api);
  const before = api.requests.length;
  await runRound();
  expect(api.requests.slice(before).map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
    `get ${MUTATING}`,
    `get ${VALIDATING}`,
  ]);
  expect(logLines).toEqual([]);
  expect(await sample(IN_BUNDLE)).toBe(1);
  expect(await sample(CERTIFICATES)).toBe(1);
  expect(await sample('portcullis_keeper_rounds_total{result="ok"}')).toBe(1);
});

test.each([
  ["taken out", undefined],
  ["emptied", ""],
  ["garbage", "Z2FyYmFnZQ=="],
  ["that of another Pod", toBundle(issueCa("pod-b"))],
])("F-100: a caBundle that was replaced gets our CA back: %s", async (_, caBundle) => {
  const api = await openApi();
  const { runRound, logLines, sample, certDir } = await startKeeper(api);
  const kept = caBundle !== undefined && caBundle.length > 100 ? [decodeBundle(caBundle)] : [];
  replaceBundles(api, caBundle);
  await runRound();
  const expected = [...kept, readOwnCa(certDir)];
  expect(bundlesOf(api, VALIDATING)).toEqual([expected, expected, expected]);
  expect(logLines.filter(({ level }) => level === "warn")).toMatchObject([
    {
      webhooks: ["validate.portcullis.dev", "canary.portcullis.dev", "policies.portcullis.dev"],
      lastWriter: "kubectl-replace",
    },
  ]);
  expect(await sample(IN_BUNDLE)).toBe(1);
  expect(await sample('portcullis_bundle_patches_total{result="patched"}')).toBe(1);
});

test("a foreign CA that somebody adds stays", async () => {
  const api = await openApi();
  const { runRound, certDir, sample } = await startKeeper(api);
  replaceBundles(api, toBundle(foreignCa));
  await runRound();
  await runRound();
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([foreignCa, readOwnCa(certDir)]);
  expect(await sample(CERTIFICATES)).toBe(2);
});

test("the owner of the field is named before anybody who wrote later", async () => {
  const api = await openApi();
  const { runRound, logLines } = await startKeeper(api);
  replaceBundles(api, "");
  const live = api.get(VALIDATING, CONFIG_NAME);
  const path = { "f:webhooks": { 'k:{"name":"validate.portcullis.dev"}': { "f:clientConfig": { "f:caBundle": {} } } } };
  const owner = { manager: "helm", time: "2026-06-01T10:00:00Z", fieldsV1: path };
  const managedFields = [...((live?.metadata.managedFields as object[] | undefined) ?? []), owner];
  api.put(VALIDATING, { ...live, metadata: { name: CONFIG_NAME, managedFields } });
  await runRound();
  expect(logLines.find(({ level }) => level === "warn")?.lastWriter).toBe("helm");
});

test("a configuration that is gone is not created again, and that is said once", async () => {
  const api = await openApi();
  const { runRound, logLines, sample } = await startKeeper(api);
  api.delete(VALIDATING, CONFIG_NAME);
  const before = api.requests.length;
  for (let round = 0; round < 3; round++) await runRound();
  expect(api.get(VALIDATING, CONFIG_NAME)).toBeUndefined();
  expect(api.requests.slice(before).every(({ verb }) => verb === "get")).toBe(true);
  expect(logLines.map(({ level, kind, msg }) => ({ level, kind, msg }))).toEqual([
    { level: "error", kind: VALIDATING, msg: "the configuration is gone, and is not created again" },
  ]);
  expect(await sample(IN_BUNDLE)).toBe(0);
  expect(await sample(CERTIFICATES)).toBe(0);
});

test("an API server that is away fails the round, and the next one heals", async () => {
  const api = await openApi();
  const { runRound, logLines, sample, certDir } = await startKeeper(api);
  replaceBundles(api, "");
  api.script({ answer: 503, times: 200 });
  await runRound();
  expect(await sample('portcullis_keeper_rounds_total{result="failed"}')).toBe(1);
  expect(logLines.filter(({ level }) => level === "error")).toHaveLength(2);
  api.script();
  while (bundlesOf(api, VALIDATING)[0]?.length === 0) await runRound();
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([readOwnCa(certDir)]);
});

test("one configuration that may not be written to doesn't keep the other from being healed", async () => {
  const api = await openApi();
  const { runRound, certDir, sample } = await startKeeper(api);
  api.script({ kind: MUTATING, answer: 403, times: Number.POSITIVE_INFINITY });
  replaceBundles(api, "");
  await runRound();
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([readOwnCa(certDir)]);
  expect(await sample('portcullis_keeper_rounds_total{result="failed"}')).toBe(1);
});

function decodeBundle(caBundle: string): string {
  return Buffer.from(caBundle, "base64").toString();
}
