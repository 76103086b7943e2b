/**
 * Proof: changed policies reach the cluster without a failed call. Servers with the old and with the new ones live side by
 * side, and register, which waits for the rollout, changes the rules once, after it.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiClient, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, kubectlOrThrow } from "../support/installation.ts";
import { callWhile, type LoadReport, summarise, type Write } from "../support/load.ts";
import { directoryOf } from "../support/policy-directory.ts";
import { installClosed, withReplicas } from "../support/restart-under-load.ts";
import { deploy, type Rollout } from "../support/rollout.ts";
import { prepareRegister, type RegisterJob, readEntries } from "../support/upgrade.ts";
import { deployment, dryRunOf } from "../support/writes.ts";

const LOAD = { ratePerSecond: 60, minCalls: 1500 };

/** Each asks Deployments for the label of its name. `kept` and `moved` are in both sets, `moved` with another selector. */
const OLD_POLICIES = [policy("kept"), policy("removed"), policy("moved", { stage: "prod" })];
const NEW_POLICIES = [policy("kept"), policy("added"), policy("moved", { tier: "gold" })];
const NAMESPACES = {
  plain: {},
  prod: { stage: "prod" },
  gold: { tier: "gold" },
  both: { stage: "prod", tier: "gold" },
};

const WRITES: readonly Write[] = [
  write("all labels", "plain", "", "admitted"),
  write("all labels, both selectors", "both", "", "admitted"),
  write("without kept", "plain", "kept", "refused"),
  write("without kept, both selectors", "both", "kept", "refused"),
  write("without removed", "plain", "removed", "either"),
  write("without added", "plain", "added", "either"),
  write("without moved, old selector", "prod", "moved", "either"),
  write("without moved, new selector", "gold", "moved", "either"),
  write("without moved, both selectors", "both", "moved", "either"),
];

describeCluster("a rollout of changed policies under load, failurePolicy Fail", (controlPlane) => {
  let installation: Installation;
  let rollout: Rollout;
  let register: RegisterJob;
  let api: ApiClient;
  beforeAll(async () => {
    installation = await installClosed(controlPlane());
    const namespaces = Object.entries(NAMESPACES).map(([name, labels]) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels },
    }));
    await apply(controlPlane(), namespaces);
    register = await prepareRegister(controlPlane(), installation);
    rollout = await deploy(controlPlane());
    await rollout.finish();
    api = createApiClient(controlPlane());
  });
  afterAll(async () => {
    api?.close();
    await installation?.stop();
  });

  let report: LoadReport;

  it("no call fails, forth and back; the rules change when the last old server has gone", async () => {
    const [oldDir, newDir] = [OLD_POLICIES, NEW_POLICIES].map((set) =>
      directoryOf({ "all.yaml": set.join("\n---\n") }),
    );
    if (oldDir === undefined || newDir === undefined) throw new Error("there are two sets");
    const replicasOptions = { count: 2, mode: "fresh", lagMs: 1500, policyDir: oldDir } as const;
    await withReplicas(controlPlane(), installation, replicasOptions, async (replicas) => {
      const oldEntries = await readEntries(controlPlane());
      report = await callWhile({ ...LOAD, clients: [api], writes: WRITES }, async () => {
        for (const policyDir of [newDir, oldDir]) {
          const before = await readEntries(controlPlane());
          await rollout.begin();
          const job = register.start(policyDir);
          // A Pod that never gets beyond init.
          await installation.startInit({ policyDir }).init.exited;
          await replicas.restart({ policyDir });
          expect(await readEntries(controlPlane())).toEqual(before);
          await rollout.finish();
          const { status } = await job.exited;
          expect({ status, stderr: job.stderr() }).toEqual({ status: 0, stderr: "" });
          expect(await readEntries(controlPlane())).not.toEqual(before);
        }
      });
      expect(await readEntries(controlPlane())).toEqual(oldEntries);
    });
    process.stdout.write(summarise("two rollouts of changed policies, 2 replicas, fresh", report));
    expect([...report.failures]).toEqual([]);
    expect(report.failed).toBe(0);
  });

  it("and each set has had its say", () => {
    for (const name of [
      "without removed",
      "without added",
      "without moved, old selector",
      "without moved, new selector",
    ]) {
      expect(report.verdicts.get(`${name}: admitted`), name).toBeGreaterThan(0);
      expect(report.verdicts.get(`${name}: refused`), name).toBeGreaterThan(0);
    }
  });

  // A server does not know the selector of the other set's entry, and judges by its policies that have none.
  it.fails("what both sets refuse is refused throughout, where a policy's selector changes too", () => {
    expect(report.verdicts.get("without moved, both selectors: admitted") ?? 0).toBe(0);
  });

  it("and the same load sees an entry that begins without the others' caBundle", async () => {
    const policyDir = directoryOf({ "all.yaml": OLD_POLICIES.join("\n---\n") });
    const replicasOptions = { count: 2, mode: "fresh", lagMs: 0, policyDir } as const;
    const { failed, failures } = await withReplicas(controlPlane(), installation, replicasOptions, () =>
      callWhile({ ...LOAD, minCalls: 500, clients: [api], writes: WRITES }, async () => {
        const read = ["get", "validatingwebhookconfiguration", "portcullis", "-o", "json"];
        const [entry] = JSON.parse(await kubectlOrThrow(controlPlane(), read)).webhooks;
        delete entry.clientConfig.caBundle;
        const patch = JSON.stringify({ webhooks: [{ ...entry, name: "added.portcullis.dev" }] });
        await kubectlOrThrow(controlPlane(), ["patch", ...read.slice(1, 3), "--type=strategic", "-p", patch]);
      }),
    );
    expect(failed).toBeGreaterThan(0);
    expect([...failures.keys()].join()).toContain("certificate signed by unknown authority");
  });
});

function policy(label: string, namespaceLabels?: Readonly<Record<string, string>>): string {
  return JSON.stringify({
    apiVersion: "portcullis.dev/v1alpha1",
    kind: "Policy",
    metadata: { name: label },
    spec: {
      rule: "required-labels",
      params: { labels: [{ anyOf: [label] }] },
      match: {
        resources: ["deployments.apps"],
        ...(namespaceLabels === undefined ? {} : { namespaceSelector: { matchLabels: namespaceLabels } }),
      },
      validationActions: ["Deny"],
    },
  });
}

function write(name: string, namespace: string, missing: string, expected: Write["expected"]): Write {
  const labels = Object.fromEntries(
    ["kept", "removed", "added", "moved"].filter((label) => label !== missing).map((label) => [label, "yes"]),
  );
  return { name, request: dryRunOf(deployment("web", labels), namespace), expected };
}
