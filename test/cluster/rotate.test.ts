/** `init.mjs rotate` under the Role that ships: a rollout, and an annotation that GitOps tools leave alone. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connectToCluster } from "../../src/cluster/client.ts";
import { applyTemplateAnnotations } from "../../src/cluster/deployments.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, kubectlOrThrow, readDocument, readDocuments, waitUntil } from "../support/installation.ts";
import { startProgram } from "../support/program.ts";

const ANNOTATION = "portcullis.dev/rotated-at";
const MANIFEST = readDocument("deployment.yaml");
const { namespace, name } = MANIFEST.metadata;

const APPLIES = [
  ["on the client's side", ["apply"]],
  ["on the server's side, as Flux and Argo CD do", ["apply", "--server-side", "--field-manager=flux"]],
] as const;

describeCluster("init.mjs rotate", (controlPlane) => {
  let kubeconfig: string;
  const kubectl = (args: readonly string[], stdin?: string) => kubectlOrThrow(controlPlane(), args, stdin);
  const readTemplateMetadata = async () =>
    JSON.parse(await kubectl(["get", "deployment", name, "-n", namespace, "-o", "json"])).spec.template.metadata;
  const countReplicaSets = async () =>
    (await kubectl(["get", "replicasets", "-n", namespace, "-o", "name"])).split("\n").length - 1;
  const rotate = async () => {
    const environment = { WEBHOOK_NAMESPACE: namespace, WEBHOOK_DEPLOYMENT: name, KUBECONFIG: kubeconfig };
    const program = startProgram("init", environment, ["rotate"]);
    const { status } = await program.exited;
    return { status, stdout: program.stdout(), stderr: program.stderr() };
  };

  beforeAll(async () => {
    await apply(controlPlane(), [readDocument("namespace.yaml"), ...readDocuments("rbac-rotate.yaml")]);
    const user = "portcullis-rotate";
    const token = await kubectl(["create", "token", user, "-n", namespace]);
    kubeconfig = controlPlane().writeKubeconfig({ user, token: token.trim() });
  });

  describe.each(APPLIES)("a Deployment that is applied %s", (_name, args) => {
    const applyManifest = (manifest: object) => kubectl([...args, "-f", "-"], JSON.stringify(manifest));

    beforeEach(async () => {
      await applyManifest(MANIFEST);
      await waitUntil("there is a ReplicaSet", 20_000, async () => (await countReplicaSets()) === 1);
    });
    afterEach(() => kubectl(["delete", "deployment", name, "-n", namespace, "--cascade=foreground"]));

    it("gets a new ReplicaSet, and nothing but the annotation is ours", async () => {
      const { labels } = await readTemplateMetadata();
      expect(await rotate()).toMatchObject({ status: 0, stderr: "" });
      const metadata = await readTemplateMetadata();
      expect(metadata.annotations[ANNOTATION]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(metadata.labels).toEqual(labels);
      await waitUntil("there are two ReplicaSets", 20_000, async () => (await countReplicaSets()) === 2);

      const { managedFields } = JSON.parse(
        await kubectl(["get", "deployment", name, "-n", namespace, "-o", "json", "--show-managed-fields"]),
      ).metadata;
      const ours = managedFields.filter(({ manager }: { manager: string }) => manager === "portcullis-rotate");
      expect(ours).toMatchObject([{ operation: "Apply" }]);
      expect(ours[0].fieldsV1).toEqual({
        "f:spec": { "f:template": { "f:metadata": { "f:annotations": { [`f:${ANNOTATION}`]: {} } } } },
      });
    });

    it("keeps the annotation when it is applied again without it, and no Pod is replaced", async () => {
      expect((await rotate()).status).toBe(0);
      const before = await readTemplateMetadata();
      expect(before.annotations).toHaveProperty([ANNOTATION]);
      await applyManifest(MANIFEST);
      expect(await readTemplateMetadata()).toEqual(before);
      // A change of another field goes through, and takes nothing away either.
      await applyManifest({ ...MANIFEST, spec: { ...MANIFEST.spec, replicas: 3 } });
      expect(await readTemplateMetadata()).toEqual(before);
    });

    it("control: an annotation of the applier's own is taken away by its next apply", async () => {
      const manifest = structuredClone(MANIFEST);
      manifest.spec.template.metadata.annotations = { [ANNOTATION]: "2026-01-01T00:00:00Z" };
      await applyManifest(manifest);
      expect((await readTemplateMetadata()).annotations).toEqual(manifest.spec.template.metadata.annotations);
      await applyManifest(MANIFEST);
      expect((await readTemplateMetadata()).annotations).toBeUndefined();
    });
  });

  describe("where there is no Deployment", () => {
    it("ends with status 1 and says so", async () => {
      const { status, stderr } = await rotate();
      expect(status).toBe(1);
      expect(stderr).toContain(`DEPLOYMENT: there is no Deployment "${name}" in namespace "${namespace}"`);
    });

    it("control: an apply alone would be taken for a creation, and complain of fields that nobody should add", async () => {
      const applied = applyTemplateAnnotations(connectToCluster(kubeconfig), { namespace, name }, {}, "test");
      await expect(applied).rejects.toThrow(/status 422 .*spec\.selector: Required value/);
    });
  });
});
