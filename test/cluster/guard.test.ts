import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCOUNTS, type Account, applyAccounts, lowerGuard, raiseGuard, stealToken } from "../support/accounts.ts";
import { type ApiClient, type ApiRequest, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import type { ControlPlane } from "../support/control-plane/start.ts";
import { apply, install, readDocument, readDocuments, waitUntil } from "../support/installation.ts";
import { ALLOWED, REMAINING } from "./allowed-by-guard.ts";
import { BY_URL, REFUSED_BY_GUARD } from "./refused-by-guard.ts";
import { REFUSED_BY_RBAC } from "./refused-by-rbac.ts";
import {
  BUNDLE,
  configurationOf,
  createConfigMap,
  deleteObject,
  FOREIGN_WEBHOOK,
  forReal,
  MUTATING,
  OTHER_BUNDLE,
  patchObject,
  patchWebhook,
  VALIDATE,
  VALIDATING,
} from "./stolen-token-requests.ts";

const ALL = Object.keys(ACCOUNTS) as readonly Account[];

describe.each(["1.33", "1.36"])("as of Kubernetes %s", (version) => {
  const options = { extraApiServerFlags: [`--emulated-version=${version}`] };
  describeCluster("a stolen token", describeStolenTokens, options);
});

function describeStolenTokens(controlPlane: () => ControlPlane): void {
  const clients = new Map<Account | "admin", ApiClient>();
  const sendAs = async (who: Account | "admin", request: ApiRequest) => {
    const client = clients.get(who);
    if (!client) throw new Error(`no client for ${who}`);
    return await client.send(request);
  };

  beforeAll(async () => {
    const installation = await install(controlPlane());
    await applyAccounts(controlPlane());
    for (const account of ALL) {
      const kubeconfigPath = await stealToken(controlPlane(), account);
      clients.set(account, createApiClient({ ...controlPlane(), kubeconfigPath }));
    }
    clients.set("admin", createApiClient(controlPlane()));
    await raiseGuard(controlPlane());

    const created = await sendAs("init", {
      method: "POST",
      path: VALIDATING,
      body: configurationOf("ValidatingWebhookConfiguration"),
    });
    expect(created.body).toMatchObject({ metadata: { name: "portcullis" } });
    await sendAs("admin", forReal(patchObject({ webhooks: [FOREIGN_WEBHOOK] })));
    await apply(controlPlane(), [readDocument("deployment.yaml"), SOMEBODY_ELSES]);
    await installation.stop();
  });
  afterAll(() => {
    for (const client of clients.values()) client.close();
  });

  describe.each(ALL)("of portcullis-%s is refused by the guard", (account) => {
    it.each(REFUSED_BY_GUARD[account])("%s", async (_what, request, reason) => {
      const { status, body } = await sendAs(account, request);
      expect(body.message).toContain("ValidatingAdmissionPolicy 'portcullis-");
      expect(body.message).toContain(`denied request: ${reason}`);
      expect(status).toBe(403);
    });
  });

  describe.each(ALL)("of portcullis-%s is refused by RBAC", (account) => {
    it.each(REFUSED_BY_RBAC[account])("%s", async (_what, request, reason) => {
      const { status, body } = await sendAs(account, request);
      expect(body.message).toContain(reason);
      expect(status).toBe(403);
    });
  });

  describe("is good for what the account is there for:", () => {
    it.each(ALLOWED)("%s", async (_what, account, request) => {
      const { status, body } = await sendAs(account, request);
      expect(body.message ?? "").toBe("");
      expect(status).toBeLessThan(300);
    });
  });

  describe("can still", () => {
    it.each(REMAINING)("%s", async (_what, account, request) => {
      expect((await sendAs(account, request)).status).toBeLessThan(300);
    });
  });

  it("can still bring a CA into a configuration that has no webhook of ours, as register", async () => {
    const toMutating = (webhook: object) => patchObject({ webhooks: [webhook] }, `${MUTATING}/portcullis`);
    const [mutate] = configurationOf("MutatingWebhookConfiguration").webhooks;
    const another = { ...mutate, clientConfig: { ...mutate.clientConfig, caBundle: OTHER_BUNDLE } };
    expect((await sendAs("register", toMutating(another))).status).toBe(403);
    expect((await sendAs("register", forReal(toMutating({ name: mutate.name, $patch: "delete" })))).status).toBe(200);
    expect((await sendAs("register", toMutating(another))).status).toBe(200);
  });

  it("tries every refusal that the guard has words for", () => {
    const reasons = Object.values(REFUSED_BY_GUARD).flatMap((attempts) => attempts.map(([, , reason]) => reason));
    const untried = GUARD_MESSAGES.filter((message) => !reasons.some((reason) => message.startsWith(reason)));
    // RBAC already refuses what these are for.
    expect(untried).toEqual(ONLY_BEHIND_RBAC);
  });

  it("meets the guard for others' accounts nowhere", async () => {
    expect((await sendAs("admin", patchWebhook({ failurePolicy: "Ignore" }))).status).toBe(200);
    expect((await sendAs("admin", createConfigMap({}))).status).toBe(201);
  });

  it("meets no policy with a mistake that the API server's type checker finds", async () => {
    for (const { metadata } of readDocuments("guard.yaml").filter(({ kind }) => kind === "ValidatingAdmissionPolicy")) {
      const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${metadata.name}`;
      await waitUntil(`${metadata.name} is checked`, 20_000, async () => {
        const { body } = await sendAs("admin", { method: "GET", path });
        return body.status?.observedGeneration === body.metadata.generation;
      });
      const { body } = await sendAs("admin", { method: "GET", path });
      expect(body.status.typeChecking ?? {}).toEqual({});
    }
  });

  it("does not wear the guard out with as many webhooks and CAs as an object may hold", async () => {
    const caBundle = Buffer.alloc(25_000, "a").toString("base64");
    const webhooks = Array.from({ length: 30 }, (_, index) => ({
      ...VALIDATE,
      name: `${10_000_000 + index}.validate.portcullis.dev`,
      clientConfig: { ...VALIDATE.clientConfig, caBundle },
    }));
    await sendAs("admin", forReal(patchObject({ webhooks })));
    const patchAll = (fields: object) => patchObject({ webhooks: webhooks.map(({ name }) => ({ name, ...fields })) });
    expect((await sendAs("init", patchAll({ clientConfig: { caBundle: BUNDLE } }))).status).toBe(200);
    expect((await sendAs("register", patchAll({ rules: [] }))).status).toBe(200);
    expect((await sendAs("register", patchAll(BY_URL))).status).toBe(403);
    expect((await sendAs("register", forReal(patchAll({ $patch: "delete" })))).status).toBe(200);
  });

  describe("without the guard", () => {
    beforeAll(async () => {
      await lowerGuard(controlPlane());
      await sendAs("admin", forReal(deleteObject(`${MUTATING}/portcullis`)));
    });

    describe.each(ALL)("of portcullis-%s, control: it succeeds to", (account) => {
      it.each(REFUSED_BY_GUARD[account])("%s", async (_what, request) => {
        const { status, body } = await sendAs(account, request);
        expect(body.message ?? "").toBe("");
        expect(status).toBeLessThan(300);
      });
    });
  });
}

const SOMEBODY_ELSES = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: "somebody-elses" },
};

const GUARD_MESSAGES: readonly string[] = readDocuments("guard.yaml").flatMap(({ spec }) =>
  (spec.validations ?? []).map((validation: { message: string }) => validation.message),
);

const ONLY_BEHIND_RBAC = [
  "only portcullis-init creates webhook configurations, only it and portcullis-register change them",
  "only portcullis-cleanup deletes webhook configurations",
  "only portcullis-rotate changes a Deployment, and only ours",
];
