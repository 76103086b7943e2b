/**
 * The policy that ships for namespaces, on a real API server: the case files of the rules leave these out, since there the
 * policies are told apart by namespace.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { type ApiAnswer, type ApiClient, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import {
  apply,
  type Installation,
  install,
  kubectlOrThrow,
  SHIPPED_POLICIES,
  waitUntil,
} from "../support/installation.ts";

const LIMIT_MS = 30_000;
const NAMESPACES = "/api/v1/namespaces";
const PRIVILEGED = "system:serviceaccount:accounts:namespaces";
const OWNER = { "portcullis.dev/owner": "mona", "portcullis.dev/owner-id": "1" };
const RESTRICTED = { "pod-security.kubernetes.io/enforce": "restricted" };

type Labels = Readonly<Record<string, string>>;

describeCluster("a policy about namespaces and their owners", (controlPlane) => {
  let installation: Installation;
  let api: ApiClient;
  let policyDir: string;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    policyDir = mkdtempSync(join(tmpdir(), "portcullis-policies-"));
    const policy = parse(readFileSync(join(SHIPPED_POLICIES, "optional/namespace-owner.yaml"), "utf8"));
    policy.spec.params.privilegedUsers = [PRIVILEGED];
    writeFileSync(join(policyDir, "namespace-owner.yaml"), stringify(policy));
    await apply(controlPlane(), [namespace("u-before", {}), namespace("u-owned", { ...OWNER, ...RESTRICTED })]);
    installation = await install(controlPlane(), { policyDir, env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    await installation.startPod();
    await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
  });

  afterAll(async () => {
    api?.close();
    await installation?.stop();
    rmSync(policyDir, { recursive: true, force: true });
  });

  const create = (name: string, labels: Labels, asUser = "alice") =>
    api.send({ method: "POST", path: NAMESPACES, body: namespace(name, labels), asUser });
  const patch = (name: string, metadata: object, asUser = "alice") =>
    api.send({
      method: "PATCH",
      path: `${NAMESPACES}/${name}`,
      contentType: "application/merge-patch+json",
      body: { metadata },
      asUser,
    });

  it.each([
    ["Octocat", "u-octocat"],
    ["mona_acme", "u-mona--acme"],
    ["mona-acme", "u-mona-acme"],
    ["a--b", "u-a-b---90827a2e"],
  ])("the login %s gets the namespace %s, and no other", async (login, name) => {
    const labels = { "portcullis.dev/github-login": login, ...OWNER, ...RESTRICTED };
    const refused = await create("u-somebody", labels);
    expect(codesOf(refused)).toEqual(["NS-NAME"]);
    expect(refused.body.message).toContain(`name it "${name}"`);
    expect(await create(name, labels)).toMatchObject({ status: 201, warnings: [] });
  });

  it("a namespace without an owner is refused, and told which labels to set", async () => {
    const refused = await create("u-nobody", RESTRICTED);
    expect(codesOf(refused)).toEqual(["NS-OWNER", "NS-OWNER"]);
    for (const key of Object.keys(OWNER)) expect(refused.body.message).toContain(`add "${key}: <value>"`);
  });

  it("without a level of Pod Security it is created, with a warning", async () => {
    const { status, warnings } = await create("u-lax", OWNER);
    expect(status).toBe(201);
    expect(warnings.join()).toContain("NS-POD-SECURITY");
  });

  it("reserved names are for privileged users", async () => {
    for (const name of ["kube-tools", "openshift-tools"]) {
      const refused = await create(name, { ...OWNER, ...RESTRICTED });
      expect(codesOf(refused), name).toEqual(["NS-RESERVED"]);
      expect(await create(name, {}, PRIVILEGED), name).toMatchObject({ status: 201, warnings: [] });
    }
    expect((await create("kubernetes-course", {})).status, "not covered by the policy's match").toBe(201);
  });

  it("a reserved name that the API server generates is refused", async () => {
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { generateName: "kube-" } };
    const answer = await api.send({ method: "POST", path: `${NAMESPACES}?dryRun=All`, body, asUser: "alice" });
    expect(codesOf(answer)).toEqual(["NS-RESERVED"]);
  });

  it("an owner stays, except for privileged users", async () => {
    const giveAway = { labels: { "portcullis.dev/owner": "mallory" } };
    const refused = await patch("u-owned", giveAway);
    expect(codesOf(refused)).toEqual(["NS-OWNER-CHANGED"]);
    expect(refused.body.message).toContain('keep "portcullis.dev/owner: mona"');
    expect(codesOf(await patch("u-owned", { labels: { "portcullis.dev/owner-id": null } }))).toEqual([
      "NS-OWNER",
      "NS-OWNER-CHANGED",
    ]);
    expect((await patch("u-owned", { annotations: { touched: "yes" } })).status).toBe(200);
    expect(await patch("u-owned", giveAway, PRIVILEGED)).toMatchObject({ status: 200, warnings: [] });
  });

  it("a namespace from before the policy may be updated, with a warning, but not be taken", async () => {
    const { status, warnings } = await patch("u-before", { annotations: { touched: "yes" } });
    expect(status).toBe(200);
    expect(warnings.join()).toContain("NS-OWNER");
    expect(codesOf(await patch("u-before", { labels: OWNER }))).toEqual(["NS-OWNER-CHANGED", "NS-OWNER-CHANGED"]);
  });

  it("the namespaces that every cluster has are updated by controllers", async () => {
    const controller = "system:serviceaccount:kube-system:namespace-controller";
    for (const name of ["default", "kube-public"]) {
      const answer = await patch(name, { annotations: { touched: "yes" } }, controller);
      expect(answer, name).toMatchObject({ status: 200, warnings: [] });
    }
  });

  it("a namespace can be deleted", async () => {
    await kubectlOrThrow(controlPlane(), ["delete", "namespace", "u-owned", "u-before", "--timeout=30s"]);
  });

  it("and none of it happens by itself: without the webhooks each of these is admitted", async () => {
    await kubectlOrThrow(controlPlane(), ["delete", "validatingwebhookconfiguration", "portcullis"]);
    await waitUntil("the canary is admitted", LIMIT_MS, async () => !(await installation.isEnforcing()));
    expect((await create("u-nobody", { "portcullis.dev/github-login": "Octocat" })).status).toBe(201);
    expect((await create("kube-more-tools", {})).status).toBe(201);
    expect((await patch("u-octocat", { labels: { "portcullis.dev/owner": "mallory" } })).status).toBe(200);
  });
});

function namespace(name: string, labels: Labels): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

function codesOf({ status, body }: ApiAnswer): readonly string[] {
  expect(status, JSON.stringify(body)).toBe(403);
  return body.details.causes.map(({ reason }: { readonly reason: string }) => reason);
}
