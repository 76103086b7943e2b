/** docs/static-sites.md and the Job that it names, as they are written, on a real API server with portcullis enforcing. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { describeCluster } from "../support/cluster.ts";
import { findGatewayCrd, installGatewayCrd } from "../support/gateway-crd.ts";
import { apply, type Installation, install, kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { createMeddledKubectl, type MeddledKubectl, type Run } from "../support/meddled-kubectl.ts";

// biome-ignore lint/suspicious/noExplicitAny: manifests are read as they are
type Manifest = any;

const page = readFileSync(fileURLToPath(new URL("../../docs/static-sites.md", import.meta.url)), "utf8");
const file = fileURLToPath(new URL("../../manifests/examples/bucket-switch-job.yaml", import.meta.url));
const manifests = parseAllDocuments(readFileSync(file, "utf8")).map((document): Manifest => document.toJS());
const manifestOf = (kind: string): Manifest => manifests.find((document) => document.kind === kind);
const [container] = manifestOf("Job").spec.template.spec.containers;
const gatewayCrd = findGatewayCrd();

const objectsOf = (kind: string): Manifest[] =>
  blocksOf("yaml")
    .map((text) => parse(text))
    .filter((object) => object.kind === kind);
const ingress = objectsOf("Ingress")[0];
const route = objectsOf("HTTPRoute")[0];
const NAMESPACE = "sites";
const LEGACY = "ingress.kubernetes.io/rewrite-target";

describeCluster("the bucket switch of docs/static-sites.md", (controlPlane) => {
  let installation: Installation;
  let kubectl: MeddledKubectl;
  let account: string;

  beforeAll(async () => {
    await installGatewayCrd(controlPlane(), gatewayCrd);
    await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
    const policyDir = join(controlPlane().directory, "policies");
    mkdirSync(policyDir);
    const policy = blocksOf("yaml").find((text) => text.includes("kind: Policy")) ?? "";
    writeFileSync(join(policyDir, "page.yaml"), policy);
    installation = await install(controlPlane(), {
      policyDir,
      env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" },
    });
    await installation.startPod();
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
    await kubectlOrThrow(controlPlane(), ["apply", "-f", file]);
    const token = await kubectlOrThrow(controlPlane(), ["create", "token", "bucket-switch", "-n", NAMESPACE]);
    account = controlPlane().writeKubeconfig({ user: "bucket-switch", token: token.trim() });
    kubectl = createMeddledKubectl(controlPlane(), NAMESPACE);
  });

  afterAll(() => installation?.stop());

  beforeEach(async () => {
    await kubectlOrThrow(controlPlane(), ["delete", "ingress", "--all", "-n", NAMESPACE]);
    await apply(controlPlane(), [ingress]);
    kubectl.meddle();
  });

  /** The script of the ConfigMap, by the command and with the variables of the Job's container. */
  function runJob(variables: Readonly<Record<string, string>> = {}): Promise<Run> {
    const [program, mounted] = container.command as readonly [string, string];
    expect(program).toBe("sh");
    const [directory] = container.volumeMounts.map(({ mountPath }: Manifest) => mountPath);
    const script = join(controlPlane().directory, mounted.slice(directory.length + 1));
    writeFileSync(script, manifestOf("ConfigMap").data["switch.sh"]);
    const env: Record<string, string> = { NAMESPACE };
    for (const { name, value } of container.env) if (value !== undefined && name !== "HOME") env[name] = value;
    return kubectl.shell([script], account, { ...env, ...variables });
  }

  async function readSite(): Promise<{
    readonly bucket: string;
    readonly rewrite: string;
    readonly annotations: Manifest;
  }> {
    const text = await kubectlOrThrow(controlPlane(), ["get", "ingress", "sitemaps", "-n", NAMESPACE, "-o", "json"]);
    const { labels, annotations } = JSON.parse(text).metadata;
    return { bucket: labels.bucket, rewrite: annotations[LEGACY], annotations };
  }

  const JANUARY = { bucket: "sitemaps-20240101", rewrite: "/sitemaps-20240101" };
  const FEBRUARY = { bucket: "sitemaps-20240201", rewrite: "/sitemaps-20240201" };

  describe("the script of the Job", () => {
    it("switches label and rewrite, and run again it changes nothing", async () => {
      const first = await runJob();
      expect(first, first.stderr).toMatchObject({
        status: 0,
        stdout: expect.stringContaining("from sitemaps-20240101 to sitemaps-20240201"),
      });
      expect(await readSite()).toMatchObject(FEBRUARY);
      expect(await runJob()).toMatchObject({ status: 0, stdout: expect.stringContaining("no change") });
      expect(await readSite()).toMatchObject(FEBRUARY);
    });

    it("reads again and retries when somebody writes between its read and its patch", async () => {
      kubectl.meddle(
        'if [ "$count" -le 2 ]; then admin annotate ingress sitemaps "example.com/writer=$count" --overwrite; fi',
      );
      const run = await runJob();
      expect(run, run.stderr).toMatchObject({ status: 0, stderr: expect.stringContaining("attempt 2") });
      expect(kubectl.countPatches()).toBe(3);
      expect(await readSite()).toMatchObject({ ...FEBRUARY, annotations: { "example.com/writer": "2" } });
    });

    it("gives up when somebody always writes, and leaves the site as it was", async () => {
      kubectl.meddle('admin annotate ingress sitemaps "example.com/writer=$count" --overwrite');
      expect(await runJob()).toMatchObject({ status: 1 });
      expect(kubectl.countPatches()).toBe(5);
      expect(await readSite()).toMatchObject(JANUARY);
    });

    it("stops when somebody else has switched to a third bucket", async () => {
      const patch = `{"metadata":{"labels":{"bucket":"sitemaps-20240301"},"annotations":{"${LEGACY}":"/sitemaps-20240301"}}}`;
      kubectl.meddle(`if [ "$count" -eq 1 ]; then admin patch ingress sitemaps --type=merge -p '${patch}'; fi`);
      const run = await runJob();
      expect(run).toMatchObject({ status: 4, stderr: expect.stringContaining("sitemaps-20240301") });
      expect(kubectl.countPatches()).toBe(1);
      expect(await readSite()).toMatchObject({ bucket: "sitemaps-20240301", rewrite: "/sitemaps-20240301" });
    });

    it("stops at a 403 of portcullis: a second rewrite that it knows nothing of would be stale", async () => {
      const other = "haproxy-ingress.github.io/rewrite-target=/sitemaps-20240101";
      await kubectlOrThrow(controlPlane(), ["annotate", "ingress", "sitemaps", "-n", NAMESPACE, other]);
      const run = await runJob();
      expect(run).toMatchObject({ status: 3, stderr: expect.stringContaining("ING-MISMATCH") });
      expect(kubectl.countPatches()).toBe(1);
      expect(await readSite()).toMatchObject(JANUARY);
    });

    it("stops at a 403 of RBAC: its Role is for one Ingress", async () => {
      await apply(controlPlane(), [{ ...ingress, metadata: { ...ingress.metadata, name: "photos" } }]);
      expect(await runJob({ INGRESS: "photos" })).toMatchObject({ status: 3 });
      expect(kubectl.countPatches()).toBe(0);
    });

    it("ends the Job for good on these statuses, and a Pod that fails otherwise is tried again", () => {
      const [{ action, onExitCodes }] = manifestOf("Job").spec.podFailurePolicy.rules;
      expect({ action, onExitCodes }).toMatchObject({ action: "FailJob", onExitCodes: { values: [3, 4] } });
      expect(manifestOf("Job").spec.backoffLimit).toBeGreaterThan(0);
    });
  });

  it.each([
    ["the label alone", { labels: { bucket: "sitemaps-20240201" } }],
    ["the annotation alone", { annotations: { [LEGACY]: "/sitemaps-20240201" } }],
  ])("a patch of %s is refused to the account of the Job", async (_half, metadata) => {
    const patch = ["patch", "ingress", "sitemaps", "-n", NAMESPACE, "--type=merge", "-p", JSON.stringify({ metadata })];
    const { status, stderr } = await controlPlane().kubectl(patch, { kubeconfig: account });
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining("ING-MISMATCH") });
    expect(await readSite()).toMatchObject(JANUARY);
  });

  it("with the policy of the page, an Ingress without its rewrite gets it when it is created and never again", async () => {
    const bare = structuredClone(ingress);
    bare.metadata.name = "bare";
    delete bare.metadata.annotations;
    const run = (verb: string, object: Manifest) =>
      controlPlane().kubectl([verb, "-f", "-"], { stdin: JSON.stringify(object) });
    const rewriteOf = async () => {
      const text = await kubectlOrThrow(controlPlane(), ["get", "ingress", "bare", "-n", NAMESPACE, "-o", "json"]);
      return JSON.parse(text).metadata.annotations[LEGACY];
    };
    for (let pass = 1; pass <= 2; pass++) {
      expect(await run("apply", bare), `apply ${pass}`).toMatchObject({ status: 0, stderr: "" });
      expect(await rewriteOf()).toBe(JANUARY.rewrite);
    }
    expect((await run("replace", bare)).stderr).toContain("ING-MISSING-REWRITE");
    bare.metadata.labels.bucket = FEBRUARY.bucket;
    expect((await run("apply", bare)).stderr).toContain("ING-MISMATCH");
    expect(await rewriteOf()).toBe(JANUARY.rewrite);
  });

  describe("the page", () => {
    const rows = [...page.matchAll(/^\| (.+?) \| `(.+?)` \| `(.+?): (.+)` \|$/gm)];

    it.each(rows.map(([, controller, path = "", key = "", value = ""]) => [controller, path, key, value] as const))(
      "has an Ingress for %s that is admitted without a warning",
      async (_controller, path, key, value) => {
        const site = structuredClone(ingress);
        site.metadata.annotations = { [key]: value };
        Object.assign(site.spec.rules[0].http.paths[0], {
          path,
          pathType: path === "/" ? "Prefix" : "ImplementationSpecific",
        });
        site.metadata.name = "of-the-table";
        const create = ["create", "--dry-run=server", "-f", "-"];
        expect(await controlPlane().kubectl(create, { stdin: JSON.stringify(site) })).toMatchObject({
          status: 0,
          stderr: "",
        });
        site.metadata.labels.bucket = "sitemaps-20240201";
        const { stderr } = await controlPlane().kubectl(create, { stdin: JSON.stringify(site) });
        expect(stderr).toContain("ING-MISMATCH");
      },
    );

    it("has a row for each dialect that the server reads", () => expect(rows).toHaveLength(6));

    const commands = blocksOf("sh").filter((text) => text.startsWith("kubectl"));
    const routeCommands = commands.filter((text) => text.includes("httproute"));

    it("has commands for an Ingress that work in their order: to and fro, with a word only where it says so", async () => {
      const buckets: string[] = [];
      for (const command of commands.filter((text) => !routeCommands.includes(text))) {
        const run = await kubectl.shell(["-c", command], controlPlane().kubeconfigPath);
        expect(run, command).toMatchObject({ status: 0, stderr: "" });
        if (command.includes("--all-namespaces")) expect(run.stdout, "no label names the old bucket").toBe("");
        const { bucket, rewrite, annotations } = await readSite();
        expect(rewrite).toBe(`/${bucket}`);
        expect(Object.hasOwn(annotations, "portcullis.dev/allow-bucket-rollback")).toBe(
          command.includes('allow-bucket-rollback":'),
        );
        if (buckets.at(-1) !== bucket) buckets.push(bucket);
      }
      expect(buckets).toEqual(["sitemaps-20240201", "sitemaps-20240101", "sitemaps-20240201"]);
    });

    it("warns of the way back without the annotation", async () => {
      await runJob();
      const patch = { metadata: { labels: { bucket: JANUARY.bucket }, annotations: { [LEGACY]: JANUARY.rewrite } } };
      const args = ["patch", "ingress", "sitemaps", "-n", NAMESPACE, "--type=merge", "-p", JSON.stringify(patch)];
      expect(await controlPlane().kubectl(args)).toMatchObject({
        status: 0,
        stderr: expect.stringContaining("ING-ROLLBACK"),
      });
    });

    it.skipIf(!gatewayCrd.found)(
      gatewayCrd.found
        ? "has an HTTPRoute, and a command that switches it once"
        : `has an HTTPRoute, and a command that switches it once (${gatewayCrd.reason})`,
      async () => {
        const create = ["create", "-f", "-"];
        expect(await controlPlane().kubectl(create, { stdin: JSON.stringify(route) })).toMatchObject({
          status: 0,
          stderr: "",
        });
        const [command = ""] = routeCommands;
        expect(routeCommands).toHaveLength(1);
        expect(await kubectl.shell(["-c", command], controlPlane().kubeconfigPath)).toMatchObject({
          status: 0,
          stderr: "",
        });
        const text = await kubectlOrThrow(controlPlane(), [
          "get",
          "httproute",
          "sitemaps",
          "-n",
          NAMESPACE,
          "-o",
          "json",
        ]);
        const { metadata, spec } = JSON.parse(text);
        expect(metadata.labels.bucket).toBe("sitemaps-20240201");
        expect(spec.rules[0].filters[0].urlRewrite.path.replacePrefixMatch).toBe("/sitemaps-20240201");
        const again = await kubectl.shell(["-c", command], controlPlane().kubeconfigPath);
        expect(again, "its tests no longer hold").toMatchObject({ status: 1 });
        const half = `[{"op":"replace","path":"/metadata/labels/bucket","value":"sitemaps-20240301"}]`;
        const args = ["patch", "httproute", "sitemaps", "-n", NAMESPACE, "--type=json", "-p", half];
        const { stderr } = await controlPlane().kubectl(args);
        expect(stderr).toContain("ING-MISMATCH");
        const fix = /kubectl patch httproute NAME (--type=json -p '[^']*')/.exec(stderr)?.[1];
        // The command of the message, which brings the rewrite after the label that was asked for.
        const mended = await kubectl.shell(
          ["-c", `kubectl patch httproute sitemaps -n ${NAMESPACE} ${fix}`],
          controlPlane().kubeconfigPath,
        );
        expect(mended).toMatchObject({ status: 0, stderr: "" });
      },
    );
  });
});

function blocksOf(language: string): readonly string[] {
  const blocks = page.matchAll(new RegExp(`^( *)\`\`\`${language}\\n(.*?)^ *\`\`\`$`, "gms"));
  return [...blocks].map(([, indent = "", text = ""]) => text.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
}
