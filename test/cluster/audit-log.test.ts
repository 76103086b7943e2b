/**
 * docs/operations.md on a real API server with the page's audit policy: its queries are run as they stand there and print what stands below
 * them, and its manifests are taken.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fencedBlocks, followedBy } from "../meta/pages/fenced-blocks.ts";
import { readSource } from "../meta/source-files.ts";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { findAssets } from "../support/control-plane/find-assets.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { apply, type Installation, install, kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { missingFromMetrics } from "../support/promql.ts";

const LIMIT_MS = 30_000;
const NAMESPACE = "shop";
const blocks = fencedBlocks(readSource("docs/operations.md"));
const texts = (language: string) => blocks.filter((block) => block.language === language).map(({ text }) => text);
const [auditPolicy = ""] = texts("yaml").filter((text) => text.includes("apiVersion: audit.k8s.io/v1"));
const [kustomization = ""] = texts("yaml").filter((text) => text.includes("kind: Kustomization"));
const commands = blocks.filter(({ language }) => language === "sh");
const queries = commands.filter(({ text }) => text.startsWith("jq "));
/** The file that the queries include is made by a command of the other page. */
const definitions = fencedBlocks(readSource("docs/audit-to-deny.md")).find(({ text }) =>
  text.startsWith("cat > portcullis.jq"),
);
const hasJq = spawnSync("jq", ["--version"]).status === 0;

const directory = mkdtempSync(join(tmpdir(), "portcullis-operations-"));
const auditPolicyPath = join(directory, "audit-policy.yaml");
writeFileSync(auditPolicyPath, auditPolicy);

describeCluster(
  "docs/operations.md",
  (controlPlane) => {
    let api: ApiClient;
    let installation: Installation;
    let metrics: string;
    const answers: ApiAnswer[] = [];

    const create = async (user: string, resource: string, object: { readonly metadata: object }) =>
      answers.push(await api.send({ method: "POST", path: pathOf(resource, NAMESPACE), body: object, asUser: user }));
    const setFailurePolicy = async (failurePolicy: "Fail" | "Ignore") => {
      const patch = JSON.stringify({ webhooks: [{ name: "validate.portcullis.dev", failurePolicy }] });
      const configuration = ["validatingwebhookconfiguration", "portcullis"];
      await kubectlOrThrow(controlPlane(), ["patch", ...configuration, "--type=strategic", "-p", patch]);
      const dryRun = {
        method: "POST",
        path: `${pathOf("deployments.apps", NAMESPACE)}?dryRun=All`,
        body: workload("asked"),
      } as const;
      const status = failurePolicy === "Fail" ? 500 : 201;
      await waitUntil(`it gets ${status}`, LIMIT_MS, async () => (await api.send(dryRun)).status === status);
    };
    const run = (command: string) => {
      const assets = findAssets(process.env, describeThisMachine());
      const path = `${assets.found ? assets.path : ""}:${process.env.PATH}`;
      const env = { PATH: path, KUBECONFIG: controlPlane().kubeconfigPath, HOME: directory, LC_ALL: "C" };
      const { status, stdout, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", command], {
        cwd: directory,
        env,
        encoding: "utf8",
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      return stdout;
    };
    const readEvents = () =>
      readFileSync(controlPlane().auditLogPath, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));

    beforeAll(async () => {
      api = createApiClient(controlPlane());
      symlinkSync(controlPlane().auditLogPath, join(directory, "audit.log"));
      cpSync(fileURLToPath(new URL("../../manifests", import.meta.url)), join(directory, "manifests"), {
        recursive: true,
      });
      await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
      installation = await install(controlPlane(), { env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "0" } });
      const policyDir = mkdtempSync(join(directory, "policies-"));
      writeFileSync(join(policyDir, "all.yaml"), POLICIES.map((policy) => JSON.stringify(policy)).join("\n---\n"));
      const pod = await installation.startPod({ policyDir });
      await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());

      // With a token of her own, where alice is impersonated.
      await kubectlOrThrow(controlPlane(), [
        "create",
        "rolebinding",
        "dev",
        "-n",
        NAMESPACE,
        "--clusterrole=admin",
        "--user=dev",
      ]);
      for (const name of ["web", "api"]) {
        const { stderr } = await controlPlane().kubectl(["create", "-n", NAMESPACE, "-f", "-"], {
          kubeconfig: controlPlane().devKubeconfigPath,
          stdin: JSON.stringify(workload(name)),
        });
        expect(stderr).toContain("denied the request: LBL-MISSING");
      }
      await create("alice", "deployments.apps", workload("right", { app: "right" }));
      await create("alice", "statefulsets.apps", workload("db", {}, "StatefulSet"));
      await create("alice", "pods", POD);
      metrics = await (await fetch(`http://${installation.clusterIp}:8080/metrics`)).text();
      await pod.stop();
      await setFailurePolicy("Ignore");
      await create("dev", "deployments.apps", workload("unseen"));
      await setFailurePolicy("Fail");
      await create("dev", "deployments.apps", workload("late"));
      await create(CONTROLLER, "pods", POD_OF_CONTROLLER);
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 403, 201, 500, 201]);
      if (definitions) run(definitions.text);
    });
    afterAll(async () => {
      api?.close();
      await installation?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    it("an event of a refused write has what the page shows", () => {
      const [shown = ""] = texts("json");
      const event = readEvents().find(({ objectRef }) => objectRef.name === "web");
      expect(event).toMatchObject(JSON.parse(shown));
      const ours = Object.keys(event.annotations).filter((key) => key.includes("portcullis"));
      expect(ours.toSorted(), "and of ours nothing else").toEqual(
        Object.keys(JSON.parse(shown).annotations).toSorted(),
      );
    });

    describe("a query prints what stands below it:", () => {
      for (const block of queries) {
        const title = `line ${block.line}`;
        const output = followedBy(blocks, block, "text")?.text;
        if (!hasJq) it.skip(`${title} (there is no jq)`);
        else if (output !== undefined) it(title, () => expect(run(block.text)).toBe(output));
      }
      it.skipIf(!hasJq)("and the one without an output finds who has changed a webhook", () => {
        const [query, ...others] = queries.filter((block) => !followedBy(blocks, block, "text"));
        expect(others).toEqual([]);
        const printed = run(query?.text ?? "");
        expect(printed).toMatch(/^ +2 admin\tpatch\tvalidatingwebhookconfigurations\tportcullis$/m);
        expect(printed).not.toContain("portcullis-init");
        expect(
          readEvents().some(({ user }) => user.username.endsWith(":portcullis-init")),
          "control",
        ).toBe(true);
      });
    });

    it("every PromQL expression finds its samples, ours and the API server's", async () => {
      const [calls = "", shed = ""] = texts("promql");
      const ofApiServer = await kubectlOrThrow(controlPlane(), ["get", "--raw", "/metrics"]);
      expect(ofApiServer).toMatch(/^apiserver_admission_webhook_request_total\{[^}]*name="validate\.portcullis\.dev"/m);
      expect(calls).toContain('apiserver_admission_webhook_request_total{name=~".*portcullis.dev"}');
      expect(missingFromMetrics(shed, metrics)).toEqual([]);
      expect(missingFromMetrics(shed.replace("(reason)", "(why)"), metrics), "control").toEqual(["why"]);
    });

    it("the autoscaler is taken, and scales our Deployment", () => {
      const [command = ""] = commands.map(({ text }) => text).filter((text) => text.startsWith("kubectl apply"));
      const dryRun = `${command.trimEnd()} --dry-run=server --validate=strict -o json`;
      const { spec } = JSON.parse(run(dryRun));
      const [deployment] = JSON.parse(
        run("kubectl kustomize manifests/base | kubectl apply --dry-run=server -o json -f -"),
      ).items.filter(({ kind }: { kind: string }) => kind === "Deployment");
      expect(spec.scaleTargetRef).toEqual({
        apiVersion: "apps/v1",
        kind: "Deployment",
        name: deployment.metadata.name,
      });
      expect(spec.minReplicas).toBe(deployment.spec.replicas);
    });

    it("the kustomization for several zones is taken, and has what it asks for", () => {
      writeFileSync(join(directory, "kustomization.yaml"), kustomization);
      const { items } = JSON.parse(run("kubectl apply -k . --dry-run=server --validate=strict -o json"));
      const { spec } = items.find(({ kind }: { kind: string }) => kind === "Deployment");
      expect(spec.replicas).toBe(3);
      const keys = spec.template.spec.topologySpreadConstraints.map(
        ({ topologyKey }: { topologyKey: string }) => topologyKey,
      );
      expect(keys).toEqual(["kubernetes.io/hostname", "topology.kubernetes.io/zone"]);
    });
  },
  { auditPolicyPath },
);

const POLICIES = [
  policy("workloads-carry-an-app-label", "Deny", { ...labels(), match: { resources: ["deployments.apps"] } }),
  policy("statefulsets-carry-an-app-label", "Audit", { ...labels(), match: { resources: ["statefulsets.apps"] } }),
  policy("no-passwords-in-variables", "Deny", { rule: "secret-env", promoteWarnings: true }),
  policy("claims-are-backed-up", "Deny", { rule: "velero-backup", mutate: true }),
];

function labels() {
  return { rule: "required-labels", params: { labels: [{ anyOf: ["app"] }] } };
}

function policy(name: string, action: string, spec: object) {
  const apiVersion = "portcullis.dev/v1alpha1";
  return { apiVersion, kind: "Policy", metadata: { name }, spec: { ...spec, validationActions: [action] } };
}

const CONTAINER = { name: "main", image: "example.com/main:1" };
const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "job", labels: { app: "job" } },
  spec: { containers: [{ ...CONTAINER, env: [{ name: "DB_PASSWORD", value: "correct-horse" }] }] },
};

const CONTROLLER = "system:serviceaccount:kube-system:statefulset-controller";
/** Validated it is not, so that with all servers down it is admitted, and only the mutating webhook has missed it. */
const POD_OF_CONTROLLER = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "db-0",
    labels: { app: "db" },
    ownerReferences: [
      {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        name: "db",
        uid: "5b9b1f9e-0000-4000-8000-000000000000",
        controller: true,
      },
    ],
  },
  spec: {
    containers: [{ ...CONTAINER, volumeMounts: [{ name: "data", mountPath: "/data" }] }],
    volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data-db-0" } }],
  },
};

/** Its template has the label app, as most do. */
function workload(name: string, own: Readonly<Record<string, string>> = {}, kind = "Deployment") {
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, labels: own },
    spec: {
      replicas: 0,
      ...(kind === "StatefulSet" ? { serviceName: name } : {}),
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [CONTAINER] } },
    },
  };
}
