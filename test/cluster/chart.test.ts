/**
 * What Helm does with the chart on a real API server: install, upgrade, roll back, uninstall. There is no node here, so nothing runs:
 * Pods stay Pending, and the hook before a removal, which is a Job, is left out. On nodes: test/e2e.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CHART,
  type Helm,
  type HelmResult,
  helmIfThere,
  KUBE_VERSION,
  type Values,
  whyNoHelm,
} from "../support/chart.ts";
import { describeCluster } from "../support/cluster.ts";
import { install, kubectlOrThrow, SHIPPED_POLICIES, waitUntil } from "../support/installation.ts";
import { parseObjects, type Rendered } from "../support/kustomize.ts";
import { startProgram } from "../support/program.ts";

const LIMIT_MS = 30_000;
const helm = helmIfThere();
const OTHER: Values = { policies: { shipped: { "velero-backup": false } } };

if (helm) describeCluster("the chart on a real API server", (controlPlane) => testChart(helm, controlPlane));
else describe.skip(`the chart on a real API server (no helm: ${whyNoHelm()})`, () => it("is installed", () => {}));

function testChart(program: Helm, controlPlane: Parameters<Parameters<typeof describeCluster>[1]>[0]): void {
  const kubectl = (...args: readonly string[]) => kubectlOrThrow(controlPlane(), args);
  const runOrThrow = (args: readonly string[], values?: Values): HelmResult => {
    const options = { kubeconfig: controlPlane().kubeconfigPath, ...(values ? { values } : {}) };
    const result = program.run(args, options);
    if (result.status !== 0) throw new Error(`helm ${args.join(" ")}: ${result.stderr}`);
    return result;
  };
  const release = ["portcullis", CHART, "--namespace", "portcullis"];
  const namesOf = async (kind: string, selector: string): Promise<readonly string[]> =>
    (await kubectl("get", kind, "-n", "portcullis", "-l", selector, "-o", "name"))
      .split("\n")
      .filter((line) => line !== "");
  const listPolicies = () => namesOf("configmap", "portcullis.dev/policies");
  const listJobs = () => namesOf("job", "app.kubernetes.io/component=register");
  const listReplicaSets = () => namesOf("replicaset", "app.kubernetes.io/component=server");
  const mountedPolicies = async () => {
    const path = '{.spec.template.spec.volumes[?(@.name=="policies")].configMap.name}';
    return `configmap/${await kubectl("get", "deployment", "portcullis", "-n", "portcullis", "-o", `jsonpath=${path}`)}`;
  };
  /** The command of the README. */
  const diff = async (values: Values = {}) => {
    const { stdout } = program.run(["template", ...release, "--no-hooks", ...KUBE_VERSION], { values });
    const { status, stdout: difference, stderr } = await controlPlane().kubectl(["diff", "-f", "-"], { stdin: stdout });
    return { status, difference, stderr };
  };
  const untilReplicaSets = (count: number) =>
    waitUntil(`${count} ReplicaSets`, LIMIT_MS, async () => (await listReplicaSets()).length === count);

  let printed: string;

  beforeAll(() => {
    printed = runOrThrow(["install", ...release, "--create-namespace"]).stdout;
  });

  describe("installed", () => {
    it("is what is rendered: kubectl has nothing to change", async () => {
      expect(await diff()).toEqual({ status: 0, difference: "", stderr: "" });
      expect(await diff(OTHER)).toMatchObject({ status: 1 });
    });

    it("makes Pods that the namespace takes, restricted as the README labels it", async () => {
      const [command = ""] = /^ {4}kubectl (label namespace portcullis .*)$/m.exec(readReadme())?.slice(1) ?? [];
      await kubectl(...command.split(" "), "--overwrite");
      await kubectl("rollout", "restart", "deployment/portcullis", "-n", "portcullis");
      await waitUntil("Pods of the restart", LIMIT_MS, async () => {
        const pods = JSON.parse(await kubectl("get", "pod", "-n", "portcullis", "-o", "json")).items;
        const isNew = ({ spec }: Rendered) => spec.serviceAccountName === "portcullis-init";
        return (
          new Set(pods.filter(isNew).map(({ metadata }: Rendered) => metadata.labels["pod-template-hash"])).size === 2
        );
      });
    });
  });

  describe("upgraded to other policies", () => {
    let before: string;

    beforeAll(async () => {
      before = await mountedPolicies();
      runOrThrow(["upgrade", ...release], OTHER);
      await untilReplicaSets(3);
    });

    it("keeps those that the old Pods mount, beside the new ones", async () => {
      const mounted = await mountedPolicies();
      expect(mounted).not.toBe(before);
      expect(await listPolicies()).toEqual([before, mounted].toSorted());
      expect(runOrThrow(["get", "manifest", "portcullis", "-n", "portcullis"]).stdout).toContain(
        before.replace("configmap/", ""),
      );
    });

    it("has another register Job in place of the old one", async () => {
      await waitUntil("the old Job is gone", LIMIT_MS, async () => (await listJobs()).length === 1);
      const objects = program.template(OTHER);
      const name = objects.find(({ kind, spec }) => kind === "Job" && spec.backoffLimit === 6)?.metadata.name;
      expect(await listJobs()).toEqual([`job.batch/${name}`]);
    });

    it("is what is rendered", async () => {
      expect(await diff(OTHER)).toEqual({ status: 0, difference: "", stderr: "" });
    });

    it("goes back by helm rollback, and forth, with the policies of each", async () => {
      const after = await mountedPolicies();
      runOrThrow(["rollback", "portcullis", "1", "-n", "portcullis"]);
      expect(await mountedPolicies()).toBe(before);
      expect(await listPolicies()).toContain(before);
      runOrThrow(["rollback", "portcullis", "2", "-n", "portcullis"]);
      expect(await mountedPolicies()).toBe(after);
      expect(await listPolicies()).toContain(after);
      expect(await diff(OTHER)).toEqual({ status: 0, difference: "", stderr: "" });
    });

    it("drops the old policies with the last ReplicaSet that mounts them", async () => {
      const mounted = await mountedPolicies();
      for (const name of await listReplicaSets()) {
        const text = await kubectl("get", name, "-n", "portcullis", "-o", "json");
        if (!text.includes(mounted.replace("configmap/", ""))) await kubectl("delete", name, "-n", "portcullis");
      }
      runOrThrow(["upgrade", ...release], OTHER);
      expect(await listPolicies()).toEqual([mounted]);
    });

    it("leaves the pair in the Secret alone, upgrade after upgrade", async () => {
      const secret: Values = { ...OTHER, certificates: { store: "secret" } };
      runOrThrow(["upgrade", ...release], secret);
      await kubectl("patch", "secret", "portcullis-certs", "-n", "portcullis", "-p", '{"data":{"tls.crt":"eA=="}}');
      runOrThrow(["upgrade", ...release], { ...secret, replicaCount: 3 });
      const data = await kubectl("get", "secret", "portcullis-certs", "-n", "portcullis", "-o", "jsonpath={.data}");
      expect(JSON.parse(data)).toEqual({ "tls.crt": "eA==" });
      expect(await diff({ ...secret, replicaCount: 3 })).toEqual({ status: 0, difference: "", stderr: "" });
    });
  });

  describe("of another name, in another namespace", () => {
    const values: Values = { excludeNamespaces: ["calico-system"] };
    const directory = mkdtempSync(join(tmpdir(), "portcullis-chart-"));
    afterAll(() => rmSync(directory, { recursive: true }));
    const configuration = ["validatingwebhookconfiguration", "gate-portcullis"];

    const tokenOf = async (account: string) => {
      const token = await kubectl("create", "token", `gate-portcullis-${account}`, "-n", "guards");
      return controlPlane().writeKubeconfig({ user: `gate-${account}`, token: token.trim() });
    };

    beforeAll(async () => {
      runOrThrow(["install", "gate", CHART, "--namespace", "guards", "--create-namespace"], values);
      await kubectl("create", "configmap", "probe", "-n", "guards");
      const asAccount = ["--as=system:serviceaccount:guards:gate-portcullis-probe", "--as-group=system:masters"];
      const probe = ["annotate", "configmap", "probe", "-n", "guards", "a=b", "--dry-run=server", ...asAccount];
      await waitUntil("its guard refuses", LIMIT_MS, async () => (await controlPlane().kubectl(probe)).status !== 0);
    });

    it("its init makes what it may make, under its own guard", async () => {
      const kubeconfig = await tokenOf("init");
      const deployment = program
        .template(values, { release: "gate", namespace: "guards" })
        .find(({ kind }) => kind === "Deployment");
      const variables = deployment.spec.template.spec.initContainers[0].env.map(({ name, value }: Rendered) => [
        name,
        value,
      ]);
      const init = startProgram("init", {
        ...Object.fromEntries(variables),
        WEBHOOK_NAMESPACE: "guards",
        POD_NAME: "gate-portcullis-0",
        POD_UID: randomUUID(),
        CERT_RENEWAL: "restart",
        CERT_DIR: directory,
        POLICY_DIR: SHIPPED_POLICIES,
        CA_SETTLE_MS: "0",
        KUBECONFIG: kubeconfig,
      });
      expect(await init.exited, init.stderr() + init.stdout()).toMatchObject({ status: 0 });
      const { metadata, webhooks } = JSON.parse(await kubectl("get", ...configuration, "-o", "json"));
      expect(metadata.ownerReferences).toMatchObject([{ kind: "ClusterRole", name: "gate-portcullis-init" }]);
      expect(webhooks[0].clientConfig.service).toMatchObject({ name: "gate-portcullis", namespace: "guards" });
    });

    it("its guard refuses what is not for the account", async () => {
      const kubeconfig = await tokenOf("init");
      const live = JSON.parse(await kubectl("get", ...configuration, "-o", "json"));
      const strange = { ...live, metadata: { name: "gate-portcullis-2" } };
      const create = ["create", "--dry-run=server", "-f", "-"];
      const { stderr } = await controlPlane().kubectl(create, { kubeconfig, stdin: JSON.stringify(strange) });
      expect(stderr).toContain("only the webhook configurations named gate-portcullis are ours");
    });

    it("is gone after helm uninstall, and the configuration with the ClusterRole that owns it", async () => {
      runOrThrow(["uninstall", "gate", "--namespace", "guards", "--no-hooks"]);
      await waitUntil("the configuration is gone", LIMIT_MS, async () => {
        const { status } = await controlPlane().kubectl(["get", ...configuration]);
        return status !== 0;
      });
    });
  });

  describe("uninstalled, without the hook", () => {
    it("leaves nothing", async () => {
      const { stdout } = runOrThrow(["get", "manifest", "portcullis", "-n", "portcullis"]);
      const objects = parseObjects(stdout).filter((object) => object !== null);
      expect(objects.length).toBeGreaterThan(25);
      runOrThrow(["uninstall", "portcullis", "--namespace", "portcullis", "--no-hooks"]);
      await waitUntil("all objects are gone", LIMIT_MS, async () => {
        const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
        const left = await controlPlane().kubectl(["get", "--ignore-not-found", "-o", "name", "-f", "-"], {
          stdin: list,
        });
        return left.status === 0 && left.stdout === "";
      });
      expect(await listPolicies()).toEqual([]);
    });
  });

  describe("the command that Helm prints", () => {
    it("is refused by a server with these policies", async () => {
      const [, command = ""] = /^ {2}kubectl (run try-portcullis .*)$/m.exec(printed) ?? [];
      expect(command).not.toBe("");
      const installation = await install(controlPlane());
      try {
        await installation.startPod();
        await waitUntil("it is refused", LIMIT_MS, async () => {
          const { stderr } = await controlPlane().kubectl(command.split(" "));
          return /denied the request: LBL-MISSING/.test(stderr);
        });
      } finally {
        await installation.stop();
      }
    });
  });
}

function readReadme(): string {
  return readFileSync(join(CHART, "README.md"), "utf8");
}
