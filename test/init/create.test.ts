import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { StoredWebhook } from "./configuration-store.ts";
import {
  bundlesOf,
  CONFIG_NAME,
  createFakeClock,
  MUTATING,
  openApi,
  prepareInit,
  readOwnCa,
  VALIDATING,
} from "./init-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

function webhooksOf(api: ScriptedApi, kind: typeof MUTATING): readonly StoredWebhook[] {
  return api.get(kind, CONFIG_NAME)?.webhooks ?? [];
}

describe("F-107: no configuration", () => {
  test("both are created, each webhook with the CA of the new certificate and calling our Service", async () => {
    const api = await openApi();
    const { run, certDir } = prepareInit(api, { WEBHOOK_PORT: "8443" });
    await run();
    const own = [readOwnCa(certDir)];
    expect(webhooksOf(api, MUTATING).map(({ name }) => name)).toEqual(["mutate.portcullis.dev"]);
    expect(webhooksOf(api, VALIDATING).map(({ name }) => name)).toEqual([
      "validate.portcullis.dev",
      "canary.portcullis.dev",
      "policies.portcullis.dev",
    ]);
    expect(bundlesOf(api, MUTATING)).toEqual([own]);
    expect(bundlesOf(api, VALIDATING)).toEqual([own, own, own]);
    expect(webhooksOf(api, VALIDATING).map(({ clientConfig }) => clientConfig.service)).toEqual([
      { name: "portcullis", namespace: "policy", path: "/validate", port: 8443 },
      { name: "portcullis", namespace: "policy", path: "/validate/canary", port: 8443 },
      { name: "portcullis", namespace: "policy", path: "/validate/policies", port: 8443 },
    ]);
  });

  test("each is read before and after it is created, by a writer with a name, and is marked as ours", async () => {
    const api = await openApi();
    await prepareInit(api).run();
    expect(api.requests.map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
      `get ${MUTATING}`,
      `get ${VALIDATING}`,
      `get ${MUTATING}`,
      `create ${MUTATING}`,
      `get ${MUTATING}`,
      `get ${VALIDATING}`,
      `create ${VALIDATING}`,
      `get ${VALIDATING}`,
      // After the pause.
      `get ${MUTATING}`,
      `get ${VALIDATING}`,
    ]);
    for (const kind of [MUTATING, VALIDATING]) {
      expect(api.get(kind, CONFIG_NAME)).toMatchObject({
        apiVersion: "admissionregistration.k8s.io/v1",
        kind,
        metadata: {
          labels: { "app.kubernetes.io/managed-by": "portcullis-init", "velero.io/exclude-from-backup": "true" },
        },
      });
    }
    const writers = api.requests.filter(({ verb }) => verb === "create").map(({ fieldManager }) => fieldManager);
    expect(writers).toEqual(["portcullis-init", "portcullis-init"]);
  });

  test("the certificates are complete on disk before anybody trusts them", async () => {
    const api = await openApi();
    const { run, certDir } = prepareInit(api);
    const seen: boolean[] = [];
    const look = () => seen.push(["tls.crt", "tls.key", "ca.crt"].every((name) => existsSync(join(certDir, name))));
    api.script({ verb: "create", times: 2, before: look });
    await run();
    expect(seen).toEqual([true, true]);
  });

  test("there is one pause at the end, for every API server to hear of it", async () => {
    const api = await openApi();
    const clock = createFakeClock();
    await prepareInit(api, { CA_SETTLE_MS: "4321" }, clock).run();
    expect(clock.sleptMs).toEqual([4321]);
  });
});

test.each([
  ["MUTATE_CONFIG", "VALIDATE_CONFIG", MUTATING],
  ["VALIDATE_CONFIG", "MUTATE_CONFIG", VALIDATING],
] as const)("with only %s the other configuration is neither read nor written", async (_, unset, kind) => {
  const api = await openApi();
  await prepareInit(api, { [unset]: "" }).run();
  expect(api.get(kind, CONFIG_NAME)).toBeDefined();
  expect(new Set(api.requests.map((request) => request.kind))).toEqual(new Set([kind]));
});

test("the two configurations may have different names", async () => {
  const api = await openApi();
  await prepareInit(api, { MUTATE_CONFIG: "adds", VALIDATE_CONFIG: "checks.example.org" }).run();
  expect(api.get(MUTATING, "adds")).toBeDefined();
  expect(api.get(VALIDATING, "checks.example.org")).toBeDefined();
});

test("EXCLUDE_NAMESPACES is added to the namespaces that are always left out", async () => {
  const api = await openApi();
  await prepareInit(api, { EXCLUDE_NAMESPACES: "velero, cert-manager,kube-system" }).run();
  for (const [webhook] of [webhooksOf(api, MUTATING), webhooksOf(api, VALIDATING)]) {
    expect(webhook?.namespaceSelector).toEqual({
      matchExpressions: [
        {
          key: "kubernetes.io/metadata.name",
          operator: "NotIn",
          values: ["kube-system", "kube-public", "kube-node-lease", "policy", "velero", "cert-manager"],
        },
      ],
    });
  }
});

describe("FIRST_INSTALL", () => {
  const PENDING = "portcullis.dev/pending-promotion";

  test("promote: every webhook begins with Ignore, and those that are to fail closed are named", async () => {
    const api = await openApi();
    await prepareInit(api).run();
    const policies = [...webhooksOf(api, MUTATING), ...webhooksOf(api, VALIDATING)].map(
      (webhook) => webhook.failurePolicy,
    );
    expect(policies).toEqual(["Ignore", "Ignore", "Ignore", "Ignore"]);
    expect(api.get(VALIDATING, CONFIG_NAME)?.metadata.annotations).toEqual({ [PENDING]: "validate.portcullis.dev" });
    // A mutating webhook is to stay with Ignore.
    expect(api.get(MUTATING, CONFIG_NAME)?.metadata.annotations).toBeUndefined();
  });

  test("fail: they begin as the policies say, and nothing is pending", async () => {
    const api = await openApi();
    await prepareInit(api, { FIRST_INSTALL: "fail" }).run();
    expect(webhooksOf(api, MUTATING).map((webhook) => webhook.failurePolicy)).toEqual(["Ignore"]);
    expect(webhooksOf(api, VALIDATING).map((webhook) => webhook.failurePolicy)).toEqual(["Fail", "Ignore", "Ignore"]);
    expect(api.get(VALIDATING, CONFIG_NAME)?.metadata.annotations).toBeUndefined();
  });
});
