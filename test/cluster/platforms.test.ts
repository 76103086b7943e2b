/** What platforms do to us, done on a real API server: AKS to webhook configurations, GKE to Pods of a critical priority class. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fencedBlocks } from "../meta/pages/fenced-blocks.ts";
import { readSource } from "../meta/source-files.ts";
import { helmIfThere, whyNoHelm } from "../support/chart.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { prepareRegister, type RegisterJob } from "../support/register-job.ts";
import { installClosed } from "../support/restart-under-load.ts";
import { deploy } from "../support/rollout.ts";

const KINDS = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] as const;
const LABEL = "admissions.enforcer/disabled";
/** What its enforcer adds. */
const ADDED = { key: "control-plane", operator: "DoesNotExist" };
const POLICIES = ["required-labels", "velero-backup", "ingress-bucket"].map(
  (name) => `\n${readSource(`manifests/policies/${name}.yaml`)}`,
);

// biome-ignore lint/suspicious/noExplicitAny: a configuration as the API server gives it
type Configuration = any;

describeCluster("docs/platforms.md, AKS", (controlPlane) => {
  let installation: Installation;
  let register: RegisterJob;
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane(), args);
  const readAll = async (): Promise<readonly Configuration[]> =>
    Promise.all(KINDS.map(async (kind) => JSON.parse(await kubectl("get", kind, "portcullis", "-o", "json"))));
  const patchEach = async (change: (webhook: Configuration) => void): Promise<void> => {
    for (const configuration of await readAll()) {
      configuration.webhooks.forEach(change);
      await kubectlOrThrow(controlPlane(), ["replace", "-f", "-"], JSON.stringify(configuration));
    }
  };
  const selectors = async () =>
    (await readAll()).flatMap(({ webhooks }) =>
      webhooks.map(({ namespaceSelector }: Configuration) => namespaceSelector),
    );

  beforeAll(async () => {
    installation = await installClosed(controlPlane());
    register = await prepareRegister(controlPlane(), installation);
    await apply(controlPlane(), [
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "portcullis-policies", namespace: installation.namespace },
      },
    ]);
    await (await deploy(controlPlane())).finish();
    await installation.startPod();
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
  });
  afterAll(() => installation?.stop());

  it("init sets the label; it can be taken off and put back by the page's command, and nobody of ours has a say in it", async () => {
    const labels = async () => (await readAll()).map(({ metadata }) => metadata.labels[LABEL]);
    const everybodyWrites = async () => {
      expect((await installation.startInit().init.exited).status).toBe(0);
      await register.succeed(POLICIES);
    };
    expect(await labels()).toEqual(["true", "true"]);
    await kubectl("label", KINDS.join(), "portcullis", `${LABEL}-`);
    await everybodyWrites();
    expect(await labels()).toEqual([undefined, undefined]);
    const [command = ""] = fencedBlocks(readSource("docs/platforms.md")).flatMap(({ text }) =>
      text.startsWith("kubectl label") ? [text] : [],
    );
    await kubectl(...command.trim().split(" ").slice(1));
    await everybodyWrites();
    expect(await labels()).toEqual(["true", "true"]);
  });

  it("expressions that are added to the selectors stay, and register has nothing to say about them", async () => {
    await patchEach(({ namespaceSelector }) => void namespaceSelector.matchExpressions.push(ADDED));
    const added = await selectors();
    expect((await register.succeed(POLICIES)).filter((line) => line.includes("namespaceSelector"))).toEqual([]);
    expect(await selectors()).toEqual(added);
    for (const { matchExpressions } of added) expect(matchExpressions).toContainEqual(ADDED);
  });

  it("control: an expression that is taken out is put back, and told", async () => {
    await patchEach(({ namespaceSelector }) => void namespaceSelector.matchExpressions.splice(0, 1));
    const told = await register.succeed(POLICIES);
    expect(told.filter((line) => line.includes("namespaceSelector")).length).toBeGreaterThan(0);
    for (const { matchExpressions } of await selectors()) expect(matchExpressions.length).toBeGreaterThan(0);
  });
});

/** The page names it by what the ReplicaSet says then; GKE has the same configuration of the same admission plugin. */
const LIMITED = {
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "AdmissionConfiguration",
  plugins: [
    {
      name: "ResourceQuota",
      configuration: {
        apiVersion: "apiserver.config.k8s.io/v1",
        kind: "ResourceQuotaConfiguration",
        limitedResources: [
          {
            resource: "pods",
            matchScopes: [{ scopeName: "PriorityClass", operator: "In", values: ["system-cluster-critical"] }],
          },
        ],
      },
    },
  ],
};
const directory = mkdtempSync(join(tmpdir(), "portcullis-platforms-"));
const limitedPath = join(directory, "admission.yaml");
writeFileSync(limitedPath, JSON.stringify(LIMITED));
const helm = helmIfThere();

describeCluster(
  "docs/platforms.md, a priority class that is limited to kube-system",
  (controlPlane) => {
    afterAll(() => rmSync(directory, { recursive: true }));
    const namespace = "portcullis";
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "server" },
      spec: { priorityClassName: "system-cluster-critical", containers: [{ name: "server", image: "server" }] },
    };
    const createPod = () =>
      controlPlane().kubectl(["create", "-n", namespace, "-f", "-"], { stdin: JSON.stringify(pod) });

    it.skipIf(!helm)(`needs the quota of resourceQuota.enabled ${whyNoHelm()}`.trim(), async () => {
      await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }]);
      await waitUntil("the namespace has its account", 30_000, async () => {
        const { stderr } = await createPod();
        return !stderr.includes("serviceaccount");
      });
      const [, told = ""] = /says `(insufficient quota [^`]+)`/.exec(readSource("docs/platforms.md")) ?? [];
      const message = told.replaceAll(/\s+/g, " ");
      expect((await createPod()).stderr).toContain(message);
      expect(message).not.toBe("");

      const quotas = helm
        ?.template({ resourceQuota: { enabled: true } })
        .filter(({ kind }) => kind === "ResourceQuota");
      expect(quotas).toHaveLength(1);
      await apply(controlPlane(), quotas ?? []);
      await waitUntil("a Pod is made", 30_000, async () => (await createPod()).status === 0);
    });
  },
  { extraApiServerFlags: [`--admission-control-config-file=${limitedPath}`] },
);
