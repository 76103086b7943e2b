/** Whose namespace it is, is not for its labels to say: they are anybody's who may change it, and its name is not. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StringMap } from "../../src/kube/objects.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, install, type RunningPod, waitUntil } from "../support/installation.ts";

const LIMIT_MS = 30_000;
const TENANT = "tenant";
const NAME_LABEL = "kubernetes.io/metadata.name";
/** By what others leave namespaces out, and by what a reader of our configuration might think that we do. */
const ESCAPES: readonly StringMap[] = [
  { [NAME_LABEL]: "kube-system" },
  { [NAME_LABEL]: "portcullis" },
  { "portcullis.dev/exempt": "true", "portcullis.dev/enforce": "false", portcullis: "disabled" },
  {
    "control-plane": "controller-manager",
    "admission.gatekeeper.sh/ignore": "true",
    "openpolicyagent.org/webhook": "ignore",
  },
];

describeCluster("a namespace", (controlPlane) => {
  let api: ApiClient;
  let installation: Installation;
  let running: RunningPod;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    await apply(controlPlane(), [namespaceOf("labelled-later", {})]);
    installation = await install(controlPlane(), { env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    running = await installation.startPod();
    await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
  });
  afterAll(async () => {
    api?.close();
    await installation?.stop();
  });

  /** Of a Deployment without the label that the shipped policies ask for. */
  async function statusOfCreation(namespace: string): Promise<number> {
    const template = {
      metadata: { labels: { web: "web" } },
      spec: { containers: [{ name: "web", image: "example.com/web:1" }] },
    };
    const body = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { generateName: "web-", labels: {} },
      spec: { replicas: 0, selector: { matchLabels: { web: "web" } }, template },
    };
    return (await api.send({ method: "POST", path: pathOf("deployments.apps", namespace), body, asUser: TENANT }))
      .status;
  }

  it.each(ESCAPES.map((labels, index) => [index, labels] as const))(
    "F-79: is not left out for the labels that it is made with (%i: %j)",
    async (index, labels) => {
      const name = `labelled-${index}`;
      const body = namespaceOf(name, labels);
      const made = await api.send({ method: "POST", path: "/api/v1/namespaces", body, asUser: TENANT });
      expect(made).toMatchObject({ status: 201, body: { metadata: { labels: { ...labels, [NAME_LABEL]: name } } } });
      expect(await statusOfCreation(name)).toBe(403);
    },
  );

  it.each(ESCAPES)("F-79: is not left out for the labels that it is given (%j)", async (labels) => {
    const name = "labelled-later";
    const given = await api.send({
      method: "PATCH",
      path: `/api/v1/namespaces/${name}`,
      body: { metadata: { labels } },
      contentType: "application/merge-patch+json",
      asUser: TENANT,
    });
    // This one label the API server puts right by itself.
    expect(given).toMatchObject({ status: 200, body: { metadata: { labels: { ...labels, [NAME_LABEL]: name } } } });
    expect(await statusOfCreation(name)).toBe(403);
  });

  it.each(["kube-system-2", "x-kube-system", "portcullis-2"])(
    "F-79: is not left out for a name like %s",
    async (name) => {
      await apply(controlPlane(), [namespaceOf(name, {})]);
      expect(await statusOfCreation(name)).toBe(403);
    },
  );

  it("G-12: that is left out by its name is never asked about", async () => {
    for (const namespace of ["kube-system", "kube-public", "kube-node-lease", installation.namespace]) {
      expect(await statusOfCreation(namespace), namespace).toBe(201);
    }
    expect(await statusOfCreation("labelled-later")).toBe(403);
    // What is written last of all is about the last request.
    await waitUntil("the log has caught up", LIMIT_MS, async () => namespacesAsked().at(-1) === "labelled-later");
    expect(namespacesAsked().filter((namespace) => !/^labelled-|.-(?:2|kube-system)$/.test(namespace))).toEqual([]);
  });

  /** But for the entries of our own namespace: the canary and the policies. */
  function namespacesAsked(): readonly string[] {
    const lines = running.server.stdout().split("\n").slice(0, -1);
    const reviews = lines.map((line) => JSON.parse(line)).filter(({ msg, entry }) => msg === "review" && entry === "");
    return reviews.map(({ namespace }) => namespace);
  }
});

function namespaceOf(name: string, labels: StringMap): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}
