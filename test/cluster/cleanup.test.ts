/** `init.mjs cleanup` under the ClusterRole that ships, with every Pod dead and failurePolicy Fail. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeCluster } from "../support/cluster.ts";
import {
  apply,
  type Installation,
  install,
  kubectlOrThrow,
  readDocuments,
  waitUntil,
} from "../support/installation.ts";
import { type Program, startProgram } from "../support/program.ts";

const KINDS = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
const OURS = "ValidatingWebhookConfiguration";

describeCluster("init.mjs cleanup", (controlPlane) => {
  let installation: Installation;
  let kubeconfig: string;
  const kubectl = (args: readonly string[], stdin?: string) => kubectlOrThrow(controlPlane(), args, stdin);
  const listConfigurations = async () => (await kubectl(["get", KINDS.join(), "-o", "name"])).trim().split("\n").sort();
  const write = () => controlPlane().kubectl(["create", "--dry-run=server", "-f", "-"], { stdin: JSON.stringify(POD) });

  function startCleanup(): Program {
    const { namespace } = installation;
    const environment = { WEBHOOK_NAMESPACE: namespace, WEBHOOK_SERVICE: "portcullis", KUBECONFIG: kubeconfig };
    return startProgram("init", environment, ["cleanup"]);
  }
  async function cleanUp() {
    const program = startCleanup();
    const { status } = await program.exited;
    return { status, stderr: program.stderr(), lines: readLines(program) };
  }

  beforeAll(async () => {
    installation = await install(controlPlane(), { env: { CA_SETTLE_MS: "0", FIRST_INSTALL: "fail" } });
    await apply(controlPlane(), readDocuments("rbac-cleanup.yaml"));
    const user = "portcullis-cleanup";
    const token = await kubectl(["create", "token", user, "-n", installation.namespace]);
    kubeconfig = controlPlane().writeKubeconfig({ user, token: token.trim() });
    await apply(controlPlane(), [
      bystander("of-another-service", { "portcullis.dev/service": "other" }),
      bystander("of-another-namespace", { "portcullis.dev/namespace": "other" }),
      bystander("of-somebody-else", { "app.kubernetes.io/name": "other" }),
    ]);
  });
  afterAll(() => installation?.stop());

  it("with all Pods dead, lets through the write that has failed until then", async () => {
    const pod = await installation.startPod();
    await pod.stop();
    await waitUntil("a write fails for want of a webhook", 10_000, async () => {
      const { status, stderr } = await write();
      return status !== 0 && stderr.includes("failed calling webhook");
    });

    const { status, stderr, lines } = await cleanUp();
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(lines.map(({ msg, kind, name, deleted }) => ({ msg, kind, name, deleted }))).toEqual([
      { msg: "configuration deleted", kind: "MutatingWebhookConfiguration", name: "portcullis" },
      { msg: "configuration deleted", kind: "ValidatingWebhookConfiguration", name: "portcullis" },
      { msg: "done", deleted: 2 },
    ]);
    await waitUntil("the write goes through", 10_000, async () => (await write()).status === 0);
  });

  it("leaves those of others", async () => {
    expect(await listConfigurations()).toEqual(
      ["of-another-namespace", "of-another-service", "of-somebody-else"].map(
        (name) => `validatingwebhookconfiguration.admissionregistration.k8s.io/${name}`,
      ),
    );
  });

  it("a second time ends with status 0 too, and says that there is nothing", async () => {
    const { status, lines } = await cleanUp();
    expect(status).toBe(0);
    expect(lines).toMatchObject([{ deleted: 0, msg: expect.stringContaining("nothing to delete") }]);
  });

  it("waits for one that a finalizer holds", async () => {
    const held = bystander("held", {});
    await apply(controlPlane(), [{ ...held, metadata: { ...held.metadata, finalizers: ["example.org/held"] } }]);
    const program = startCleanup();
    await waitUntil("it has tried", 10_000, async () => program.stdout().includes(`still there: ${OURS} held`));
    await kubectl(["patch", KINDS[1] ?? "", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
    expect((await program.exited).status).toBe(0);
    expect(readLines(program).at(-1)).toMatchObject({ msg: "done", deleted: 1 });
  });
});

/** Breaks no policy, and none of its namespace's Pods is excluded. */
const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "writes", namespace: "default", labels: { team: "writers" } },
  spec: { containers: [{ name: "main", image: "main" }] },
};

/** A configuration with our labels, but for `labels`. */
function bystander(name: string, labels: Readonly<Record<string, string>>) {
  const ours = {
    "app.kubernetes.io/name": "portcullis",
    "portcullis.dev/namespace": "portcullis",
    "portcullis.dev/service": "portcullis",
  };
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: OURS,
    metadata: { name, labels: { ...ours, ...labels } },
    webhooks: [],
  };
}

// biome-ignore lint/suspicious/noExplicitAny: lines of the log, of which a test reads what it needs
function readLines(program: Program): any[] {
  const lines = program.stdout().trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}
