/** An init that runs again in the same volume, as after a restart of the Pod's sandbox. */
import { readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runInit } from "../../init/run.ts";
import { readInitConfig } from "../../src/config.ts";
import { loadPolicies } from "../../src/policy/load.ts";
import { policyHash } from "../../src/policy/policy-hash.ts";
import { registrationHash } from "../../src/registration/desired.ts";
import { rules } from "../../src/rules/index.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { issueCa } from "./existing-configuration.ts";
import {
  bundlesOf,
  CONFIG_NAME,
  contextOf,
  createFakeClock,
  ENVIRONMENT,
  type FakeClock,
  MUTATING,
  makeDirectory,
  openApi,
  POLICY_DIR,
  readOwnCa,
  VALIDATING,
} from "./init-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

const DAY_MS = 86_400_000;

async function runIn(
  certDir: string,
  api: ScriptedApi,
  env: Readonly<Record<string, string>> = {},
  clock: FakeClock = createFakeClock(),
): Promise<FakeClock> {
  api.setClock(clock.now);
  const config = readInitConfig({ ...ENVIRONMENT, CERT_DIR: certDir, KUBECONFIG: api.kubeconfig, ...env });
  await runInit(contextOf(config, clock, createLogger("init", "fatal")));
  return clock;
}

test("F-103: changes nothing: neither the files nor the configurations, and doesn't wait", async () => {
  const [api, certDir] = [await openApi(), makeDirectory()];
  await runIn(certDir, api);
  const version = readlinkSync(join(certDir, "..data"));
  const stored = [api.get(MUTATING, CONFIG_NAME), api.get(VALIDATING, CONFIG_NAME)];
  const clock = await runIn(certDir, api);
  expect(readlinkSync(join(certDir, "..data"))).toBe(version);
  expect([api.get(MUTATING, CONFIG_NAME), api.get(VALIDATING, CONFIG_NAME)]).toEqual(stored);
  expect(clock.sleptMs).toEqual([]);
});

describe("F-103: makes new certificates, and leaves one CA of the Pod, where those in the volume", () => {
  test.each<[string, (certDir: string) => void, Readonly<Record<string, string>>, number]>([
    ["are due for renewal", () => {}, {}, 280],
    ["have expired", () => {}, {}, 366],
    ["have another kind of key", () => {}, { KEY_ALGORITHM: "rsa-2048" }, 0],
    ["have lost their key", (certDir) => rmSync(join(certDir, "..data", "tls.key")), {}, 0],
    ["are broken", (certDir) => writeFileSync(join(certDir, "..data", "tls.crt"), "garbage"), {}, 0],
  ])("%s", async (_, damage, env, days) => {
    const [api, certDir, clock] = [await openApi(), makeDirectory(), createFakeClock()];
    await runIn(certDir, api, {}, clock);
    const first = readOwnCa(certDir);
    damage(certDir);
    await clock.sleep(days * DAY_MS);
    await runIn(certDir, api, env, clock);
    const second = readOwnCa(certDir);
    expect(second).not.toBe(first);
    expect(bundlesOf(api, VALIDATING)[0]).toEqual([second]);
  });

  test("are for another Service", async () => {
    const [api, certDir] = [await openApi(), makeDirectory()];
    await runIn(certDir, api);
    const first = readOwnCa(certDir);
    await runIn(certDir, api, { WEBHOOK_SERVICE: "other", VALIDATE_CONFIG: "other", MUTATE_CONFIG: "" });
    expect(readOwnCa(certDir)).not.toBe(first);
  });
});

test("a pair of the store whose CA another Pod has just registered gets the pause too", async () => {
  const [api, certDir, clock] = [await openApi(), makeDirectory(), createFakeClock()];
  await runIn(makeDirectory(), api, {}, clock);
  const config = readInitConfig({ ...ENVIRONMENT, CERT_DIR: certDir, KUBECONFIG: api.kubeconfig });
  const first = contextOf(config, clock, createLogger("init", "fatal"));
  const shared = await first.store.obtain();
  const context = { ...first, store: { obtain: async () => shared } };
  await runInit(context);
  const second = createFakeClock(clock.now());
  await runInit({ ...context, clock: second, config: { ...config, certDir: makeDirectory() } });
  expect(second.sleptMs).toEqual([3000]);
});

test("registration.json says which policies and entries were found", async () => {
  const [api, certDir] = [await openApi(), makeDirectory()];
  await runIn(certDir, api);
  const policies = loadPolicies(POLICY_DIR, rules);
  expect(JSON.parse(readFileSync(join(certDir, "registration.json"), "utf8"))).toEqual({
    policyHash: policyHash(policies),
    registrationHash: registrationHash(policies),
    namespace: "policy",
    webhooks: ["mutate.portcullis.dev", "validate.portcullis.dev", "canary.portcullis.dev", "policies.portcullis.dev"],
  });
  expect(statSync(join(certDir, "registration.json")).mode & 0o444).toBe(0o444);
});

describe("OWNER_CLUSTERROLE", () => {
  const PATH = "/apis/rbac.authorization.k8s.io/v1/clusterroles/portcullis-init";
  const env = { OWNER_CLUSTERROLE: "portcullis-init" };

  test("owns what init creates, and is neither controller nor in the way of a deletion", async () => {
    const api = await openApi();
    api.answerAt(PATH, { metadata: { name: "portcullis-init", uid: "u-7" } });
    await runIn(makeDirectory(), api, env);
    for (const kind of [MUTATING, VALIDATING]) {
      expect(api.get(kind, CONFIG_NAME)?.metadata).toMatchObject({
        ownerReferences: [
          { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: "portcullis-init", uid: "u-7" },
        ],
        labels: { "portcullis.dev/namespace": "policy", "portcullis.dev/service": "portcullis" },
      });
    }
  });

  test("is not asked for where there is nothing to create", async () => {
    const api = await openApi();
    await runIn(makeDirectory(), api);
    await runIn(makeDirectory(), api, { ...env, POD_UID: "pod-b" });
    expect(api.get(VALIDATING, CONFIG_NAME)?.metadata.ownerReferences).toBeUndefined();
  });

  test.each([
    [404, "SETTINGS", 'there is no ClusterRole "portcullis-init" (OWNER_CLUSTERROLE)'],
    [403, "RBAC", 'forbidden: get clusterroles.rbac.authorization.k8s.io "portcullis-init": scripted 403'],
  ])("answered with %d ends init with the reason", async (status, code, message) => {
    const api = await openApi();
    api.answerAt(PATH, status);
    await expect(runIn(makeDirectory(), api, env)).rejects.toMatchObject({ code, message });
    expect(api.get(MUTATING, CONFIG_NAME)).toBeUndefined();
  });
});

describe("POD_SELECTOR", () => {
  const PATH = "/api/v1/namespaces/policy/pods";
  const env = { POD_SELECTOR: "app.kubernetes.io/name=portcullis", MUTATE_CONFIG: "" };
  const bundle = Buffer.from(issueCa("pod-b") + issueCa("pod-gone")).toString("base64");

  async function runBeside(podUids: readonly string[] | number) {
    const [api, certDir] = [await openApi(), makeDirectory()];
    const clientConfig = { service: { name: "portcullis", namespace: "policy" }, caBundle: bundle };
    api.put(VALIDATING, { metadata: { name: CONFIG_NAME }, webhooks: [{ name: "a.example.org", clientConfig }] });
    const items = typeof podUids === "number" ? podUids : { items: podUids.map((uid) => ({ metadata: { uid } })) };
    api.answerAt(PATH, items);
    await runIn(certDir, api, env);
    return bundlesOf(api, VALIDATING)[0]?.length;
  }

  test("the CA of a Pod that is gone leaves", async () => {
    expect(await runBeside(["pod-a", "pod-b"])).toBe(2);
  });

  test.each<[string, readonly string[] | number]>([
    ["a selector that misses this very Pod", ["pod-b"]],
    ["no Pod at all", []],
    ["403", 403],
    ["500", 500],
    ["400", 400],
  ])("none leaves with %s, and init succeeds", async (_, answer) => {
    expect(await runBeside(answer)).toBe(3);
  });
});
