/**
 * Objects that were there before the policies: they stay operable, what gets worse is refused, and nothing keeps them from going away.
 * The namespace `strict` has a policy without the ratchet, so that what passes there passes for another reason.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, install, type RunningPod, waitUntil } from "../support/installation.ts";

const LIMIT_MS = 30_000;
const HELD = "example.org/held";
const FINALIZERS = { metadata: { finalizers: [HELD] } };
const RELEASED = { metadata: { finalizers: null } };
const NAMESPACES = ["older", "ignored", "strict", "doomed"];
const MISSING = expect.stringMatching(/^LBL-MISSING /);

describeCluster("objects that are older than the policies", (controlPlane) => {
  let api: ApiClient;
  let installation: Installation;
  let running: RunningPod;
  let policyDir: string;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    await apply(
      controlPlane(),
      NAMESPACES.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    );
    await waitUntil("every namespace has its ServiceAccount", LIMIT_MS, async () => {
      const paths = NAMESPACES.map((name) => `${pathOf("serviceaccounts", name)}/default`);
      return (await Promise.all(paths.map((path) => api.send({ method: "GET", path })))).every(
        ({ status }) => status === 200,
      );
    });
    await apply(controlPlane(), [
      ...NAMESPACES.flatMap((namespace) => [
        deployment("bare", namespace, {}),
        deployment("labelled", namespace, { app: "labelled" }),
      ]),
      pod("bare", "older"),
      job("bare", "older"),
    ]);
    policyDir = mkdtempSync(join(tmpdir(), "portcullis-policies-"));
    writePolicy("velero-backup", {}, ["older"]);
    writePolicy("required-labels", {}, ["older", "doomed"]);
    writePolicy("required-labels", { failurePolicy: "Ignore" }, ["ignored"]);
    writePolicy("required-labels", { ratchet: false }, ["strict"]);
    installation = await install(controlPlane(), { policyDir, env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    running = await installation.startPod();
    await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
  });

  afterAll(async () => {
    api?.close();
    await installation?.stop();
    rmSync(policyDir, { recursive: true, force: true });
  });

  function writePolicy(rule: string, spec: object, include: readonly string[]): void {
    const params = rule === "required-labels" ? { labels: [{ anyOf: ["app"] }] } : {};
    const name = `${rule}-in-${include[0]}`;
    const policy = {
      apiVersion: "portcullis.dev/v1alpha1",
      kind: "Policy",
      metadata: { name },
      spec: { rule, params, match: { namespaces: { include } }, ...spec },
    };
    writeFileSync(join(policyDir, `${name}.yaml`), JSON.stringify(policy));
  }

  const patch = (resource: string, namespace: string, path: string, body: object): Promise<ApiAnswer> =>
    api.send({
      method: "PATCH",
      path: `${pathOf(resource, namespace)}/${path}`,
      body,
      contentType: "application/merge-patch+json",
    });
  const remove = (resource: string, namespace: string, name: string): Promise<ApiAnswer> =>
    api.send({ method: "DELETE", path: `${pathOf(resource, namespace)}/${name}` });
  const isGone = async (resource: string, namespace: string, name: string): Promise<boolean> =>
    (await api.send({ method: "GET", path: `${pathOf(resource, namespace)}/${name}` })).status === 404;

  describe("an update that has nothing to do with what is wrong", () => {
    it.each<[string, object]>([
      ["its scale", { spec: { replicas: 2 } }],
      ["an annotation", { metadata: { annotations: { note: "seen" } } }],
      ["a finalizer", FINALIZERS],
      ["no finalizer", RELEASED],
      ["its template", { spec: { template: { metadata: { annotations: { note: "seen" } } } } }],
      ["another label", { metadata: { labels: { team: "blog" } } }],
    ])("F-65: is let through with a warning: %s", async (_name, body) => {
      expect(await patch("deployments.apps", "older", "bare", body)).toMatchObject({
        status: 200,
        warnings: [MISSING],
      });
    });

    it.each(["scale", "status"])("F-65: is not even asked about: its subresource %s", async (subresource) => {
      const body = subresource === "scale" ? { spec: { replicas: 1 } } : { status: { observedGeneration: 1 } };
      const answer = await patch("deployments.apps", "older", `bare/${subresource}`, body);
      expect(answer).toMatchObject({ status: 200, warnings: [] });
    });

    it("F-65: control: where the policy has no ratchet it is refused", async () => {
      const answer = await patch("deployments.apps", "strict", "bare", { metadata: { annotations: { note: "seen" } } });
      expect(answer).toMatchObject({ status: 403, body: { message: expect.stringContaining("LBL-MISSING") } });
    });
  });

  it.each(["older", "ignored", "strict"])(
    "F-66: an update that takes the label away is refused, failurePolicy Fail or Ignore: %s",
    async (namespace) => {
      const answer = await patch("deployments.apps", namespace, "labelled", { metadata: { labels: { app: null } } });
      expect(answer).toMatchObject({ status: 403, body: { message: expect.stringContaining("LBL-MISSING") } });
      const { body } = await api.send({ method: "GET", path: `${pathOf("deployments.apps", namespace)}/labelled` });
      expect(body.metadata.labels).toEqual({ app: "labelled" });
    },
  );

  it.each([
    ["pods", "Pod"],
    ["jobs.batch", "Job"],
  ])("F-69: an update of %s, whose spec can't be changed, is none of ours to change", async (resource) => {
    const path = `${pathOf(resource, "older")}/bare`;
    const { body: before } = await api.send({ method: "GET", path });
    const updates = [{ annotations: { note: "seen" } }, { labels: { team: "blog" } }, { labels: { app: "web" } }];
    for (const metadata of updates) {
      const { status, body } = await patch(resource, "older", "bare", { metadata });
      expect(status, JSON.stringify(body)).toBe(200);
      expect(body.spec).toEqual(before.spec);
    }
    const { body: after } = await api.send({ method: "GET", path });
    expect(after.metadata.annotations).toEqual({ ...before.metadata.annotations, note: "seen" });
    expect(after.metadata.labels).toEqual({ ...before.metadata.labels, team: "blog", app: "web" });
  });

  describe("an object that is being deleted", () => {
    /** One that waits for whoever has put the finalizer there. */
    async function createLeaving(name: string, namespace: string): Promise<void> {
      const held = deployment(name, namespace, { app: name });
      const body = { ...held, metadata: { ...held.metadata, ...FINALIZERS.metadata } };
      expect((await api.send({ method: "POST", path: pathOf("deployments.apps", namespace), body })).status).toBe(201);
      await remove("deployments.apps", namespace, name);
      expect(await isGone("deployments.apps", namespace, name)).toBe(false);
    }

    it("F-64: may be changed in any way, and goes once its finalizer is taken off", async () => {
      await createLeaving("leaving", "strict");
      const worse = { metadata: { labels: { app: null }, annotations: { note: "seen" } } };
      expect(await patch("deployments.apps", "strict", "leaving", worse)).toMatchObject({ status: 200, warnings: [] });
      expect(await patch("deployments.apps", "strict", "leaving", RELEASED)).toMatchObject({
        status: 200,
        warnings: [],
      });
      expect(await isGone("deployments.apps", "strict", "leaving")).toBe(true);
    });

    it("F-64: control: the same changes are refused to one that stays", async () => {
      const worse = { metadata: { labels: { app: null } } };
      expect((await patch("deployments.apps", "strict", "labelled", worse)).status).toBe(403);
      expect((await patch("deployments.apps", "strict", "bare", FINALIZERS)).status).toBe(403);
    });

    it("F-64: and its namespace go while nobody answers, failurePolicy Fail", async () => {
      await createLeaving("leaving", "doomed");
      expect(
        (await patch("deployments.apps", "doomed", "leaving", { metadata: { labels: { app: null } } })).status,
      ).toBe(200);
      await running.stop();
      const asked = await patch("deployments.apps", "doomed", "bare", { metadata: { annotations: { note: "seen" } } });
      expect(asked.status, "the door is closed").toBe(500);
      await remove("namespaces", "", "doomed");
      const { status, body } = await patch("deployments.apps", "doomed", "leaving", RELEASED);
      expect(status, body.message).toBe(200);
      await waitUntil("the namespace is gone", LIMIT_MS, () => isGone("namespaces", "", "doomed"));
    });
  });
});

function deployment(name: string, namespace: string, labels: Readonly<Record<string, string>>): KubernetesObject {
  const podLabels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels },
    spec: {
      replicas: 0,
      selector: { matchLabels: podLabels },
      template: {
        metadata: { labels: podLabels },
        spec: { containers: [{ name: "web", image: "example.com/web:1" }] },
      },
    },
  };
}

/** With a claim that its list of volumes doesn't name, as a Pod has it from before there was a mutating webhook. */
const POD_SPEC = {
  containers: [{ name: "web", image: "example.com/web:1", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
  volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
};

function pod(name: string, namespace: string): KubernetesObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec: POD_SPEC };
}

function job(name: string, namespace: string): KubernetesObject {
  const spec = { template: { spec: { ...POD_SPEC, restartPolicy: "Never" } } };
  return { apiVersion: "batch/v1", kind: "Job", metadata: { name, namespace }, spec };
}
