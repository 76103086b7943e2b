/** What the API server says to the manifests, as kustomize renders them. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { applyAccounts } from "../support/accounts.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, kubectlOrThrow, readDocument } from "../support/installation.ts";

const MANIFESTS = fileURLToPath(new URL("../../manifests", import.meta.url));

/** An object of any kind, as far as these tests look at it. */
interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly template?: { readonly spec: PodSpec }; readonly jobTemplate?: Rendered };
}

interface PodSpec {
  readonly containers: readonly object[];
  readonly volumes: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
}

describeCluster("the manifests that ship", (controlPlane) => {
  const render = async (directory: string) => {
    const text = await kubectlOrThrow(controlPlane(), ["kustomize", join(directory, "base")]);
    return { text, objects: parseAllDocuments(text).map((document) => document.toJS() as Rendered) };
  };
  let rendered: { readonly text: string; readonly objects: readonly Rendered[] };

  beforeAll(async () => {
    rendered = await render(MANIFESTS);
    await apply(controlPlane(), [readDocument("namespace.yaml")]);
    await applyAccounts(controlPlane());
  });

  it("are taken as they are, without a warning", async () => {
    const dryRun = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    const { status, stderr } = await controlPlane().kubectl(dryRun, { stdin: rendered.text });
    expect({ status, stderr: withoutApplyHints(stderr) }).toEqual({ status: 0, stderr: "" });
  });

  describe("make Pods that the namespace's Pod Security level admits:", () => {
    const createPod = (spec: object) => {
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a-pod", namespace: "portcullis" }, spec };
      return controlPlane().kubectl(["create", "--dry-run=server", "-f", "-"], { stdin: JSON.stringify(pod) });
    };
    const podOf = (kind: string, name: string): PodSpec => {
      const found = rendered.objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name));
      const spec = found?.spec?.template?.spec ?? found?.spec?.jobTemplate?.spec?.template?.spec;
      if (!spec) throw new Error(`no ${kind} ${name} with a Pod`);
      return spec;
    };

    it.each([
      ["Deployment", "portcullis"],
      ["Job", "portcullis-policies-"],
      ["CronJob", "portcullis-rotate"],
      ["CronJob", "portcullis-cleanup"],
    ])("%s %s", async (kind, name) => {
      const spec = podOf(kind, name);
      expect(await createPod(spec)).toMatchObject({ status: 0, stderr: "" });
      const loose = {
        ...spec,
        containers: spec.containers.map((container) => ({ ...container, securityContext: {} })),
      };
      const control = await createPod(loose);
      expect(control.stderr).toContain('violates PodSecurity "restricted:latest"');
    });

    it("and there is no other kind that makes Pods", () => {
      const makers = rendered.objects.filter(({ spec }) => spec?.template ?? spec?.jobTemplate);
      expect(makers.map(({ kind }) => kind).toSorted()).toEqual(["CronJob", "CronJob", "Deployment", "Job"]);
    });
  });

  describe("name the register Job by what it registers:", () => {
    const copy = mkdtempSync(join(tmpdir(), "portcullis-manifests-"));
    afterAll(() => rmSync(copy, { recursive: true }));
    const nameOfJob = ({ objects }: { readonly objects: readonly Rendered[] }) =>
      objects.find(({ kind }) => kind === "Job")?.metadata.name ?? "";
    const renderWith = async (file: string, change: (text: string) => string) => {
      cpSync(MANIFESTS, copy, { recursive: true });
      const path = join(copy, file);
      writeFileSync(path, change(readFileSync(path, "utf8")));
      return nameOfJob(await render(copy));
    };

    it("as the ConfigMap of the policies", () => {
      const job = rendered.objects.find(({ kind }) => kind === "Job");
      const configMap = rendered.objects.find(({ kind }) => kind === "ConfigMap");
      expect(job?.metadata.name).toMatch(/^portcullis-policies-[0-9a-z]{10}$/);
      expect(job?.metadata.name).toBe(configMap?.metadata.name);
      expect(job?.spec?.template?.spec.volumes[0]?.configMap?.name).toBe(configMap?.metadata.name);
    });

    it("other policies are another Job", async () => {
      const changed = await renderWith("policies/velero-backup.yaml", (text) => text.replace("[Deny]", "[Warn]"));
      expect(changed).not.toBe(nameOfJob(rendered));
    });

    it("another version is another Job", async () => {
      const changed = await renderWith("base/kustomization.yaml", (text) =>
        text.replace(/version=.*/, "version=9.9.9"),
      );
      expect(changed).not.toBe(nameOfJob(rendered));
    });
  });
});

/** What `apply` says of the namespace and the accounts, which the tests have made in other words. */
function withoutApplyHints(stderr: string): string {
  return stderr
    .split("\n")
    .filter((line) => !line.includes("kubectl.kubernetes.io/last-applied-configuration"))
    .join("\n");
}
