/**
 * docs/audit-to-deny.md on a real API server with the page's audit policy: the policies are the page's, the commands are run as they
 * stand there, and what they print has to be what stands below them.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fencedBlocks, followedBy } from "../meta/pages/fenced-blocks.ts";
import { readSource } from "../meta/source-files.ts";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { findAssets } from "../support/control-plane/find-assets.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import {
  apply,
  type Installation,
  install,
  kubectlOrThrow,
  type RunningPod,
  waitUntil,
} from "../support/installation.ts";
import { missingFromMetrics } from "../support/promql.ts";

const blocks = fencedBlocks(readSource("docs/audit-to-deny.md"));
const texts = (language: string) => blocks.filter((block) => block.language === language).map(({ text }) => text);
const [auditPolicy = ""] = texts("yaml").filter((text) => text.includes("apiVersion: audit.k8s.io/v1"));
const policies = texts("yaml").filter((text) => /^kind: Policy$/m.test(text));
const commands = blocks
  .filter(({ language }) => language === "sh")
  .map((block) => ({ ...block, output: followedBy(blocks, block, "text")?.text }));

const directory = mkdtempSync(join(tmpdir(), "portcullis-audit-"));
const auditPolicyPath = join(directory, "audit-policy.yaml");
writeFileSync(auditPolicyPath, auditPolicy);
const hasJq = spawnSync("jq", ["--version"]).status === 0;

describeCluster(
  "docs/audit-to-deny.md",
  (controlPlane) => {
    let api: ApiClient;
    let installation: Installation;
    let pod: RunningPod;
    let answers: Readonly<Record<string, ApiAnswer>>;
    const metrics: string[] = [];

    const readMetrics = async () =>
      metrics.push(await (await fetch(`http://${installation.clusterIp}:8080/metrics`)).text());
    const runCommand = (command: string) => {
      const assets = findAssets(process.env, describeThisMachine());
      const path = `${assets.found ? assets.path : ""}:${process.env.PATH}`;
      const env = { PATH: path, KUBECONFIG: controlPlane().kubeconfigPath, HOME: directory, LC_ALL: "C" };
      writeFileSync(join(directory, "server.log"), pod.server.stdout());
      return spawnSync("bash", ["-o", "pipefail", "-c", command], { cwd: directory, env, encoding: "utf8" });
    };
    const serve = (name: string, ...documents: readonly string[]) => {
      const policyDir = mkdtempSync(join(directory, `${name}-`));
      writeFileSync(join(policyDir, "all.yaml"), documents.join("---\n"));
      return installation.startPod({ policyDir });
    };
    const create = (user: string, namespace: string, object: object, resource = "deployments.apps") =>
      api.send({ method: "POST", path: pathOf(resource, namespace), body: object, asUser: user });
    const annotate = (user: string, namespace: string, name: string) =>
      api.send({
        method: "PATCH",
        path: `${pathOf("deployments.apps", namespace)}/${name}`,
        body: { metadata: { annotations: { changed: new Date().toISOString() } } },
        contentType: "application/merge-patch+json",
        asUser: user,
      });

    beforeAll(async () => {
      api = createApiClient(controlPlane());
      symlinkSync(controlPlane().auditLogPath, join(directory, "audit.log"));
      await apply(controlPlane(), [
        namespaceOf("team-a"),
        namespaceOf("team-b", { "portcullis.dev/enforce": "true" }),
        namespaceOf("team-c"),
        { ...workload("old"), metadata: { name: "old", namespace: "team-a" } },
        { ...workload("old"), metadata: { name: "old", namespace: "team-c" } },
      ]);
      const admin = ["rolebinding", "dev", "-n", "team-c", "--clusterrole=admin", "--user=dev"];
      await kubectlOrThrow(controlPlane(), ["create", ...admin]);
      installation = await install(controlPlane(), {
        env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "0", LOG_LEVEL: "info" },
      });
      pod = await serve("audit", ...policies);
      await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());

      answers = {
        new: await create("alice", "team-c", workload("shop")),
        operator: await create(OPERATOR, "team-c", workload("cache", {}, "StatefulSet"), "statefulsets.apps"),
        byName: await create("alice", "team-a", workload("shop")),
        byLabel: await create("alice", "team-b", workload("shop")),
        drift: await create("alice", "team-c", workload("mail", { app: "post" })),
        right: await create("alice", "team-a", workload("right", { app: "right" })),
        existing: await annotate("alice", "team-a", "old"),
      };
      // With a token of their own, where the others are impersonated.
      const statefulSet = { ...workload("db", {}, "StatefulSet"), metadata: { name: "db", namespace: "team-c" } };
      const { stderr } = await controlPlane().kubectl(["create", "-f", "-"], {
        kubeconfig: controlPlane().devKubeconfigPath,
        stdin: JSON.stringify(statefulSet),
      });
      expect(stderr, "dev is told nothing").toBe("");
    });
    afterAll(async () => {
      api?.close();
      await installation?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    it("an error is silent under Audit, and a warning is not", () => {
      expect(answers.new).toMatchObject({ status: 201, warnings: [] });
      expect(answers.operator).toMatchObject({ status: 201, warnings: [] });
      expect(answers.drift).toMatchObject({ status: 201, warnings: [expect.stringMatching(/^LBL-DRIFT /)] });
    });

    it("one namespace first: refused there, by name or by label, but for what was wrong before", () => {
      expect(answers.byName?.status).toBe(403);
      expect(answers.byName?.body.message).toContain("(policy workloads-carry-an-app-label-in-team-a)");
      expect(answers.byLabel?.status).toBe(403);
      expect(answers.byLabel?.body.message).toContain("(policy workloads-carry-an-app-label-where-enforced)");
      expect(answers.right).toMatchObject({ status: 201, warnings: [] });
      expect(answers.existing).toMatchObject({ status: 200, warnings: [expect.stringMatching(/^LBL-MISSING /)] });
    });

    describe("the page's commands print what stands below them", () => {
      for (const { line, text, output } of commands) {
        const title = `line ${line}: ${text.split("\n")[0]}`;
        if (!hasJq && text.startsWith("jq ")) it.skip(`${title} (there is no jq)`);
        else {
          it(title, () => {
            const { status, stdout, stderr } = runCommand(text);
            expect({ status, stderr: withoutWarnings(stderr) }).toEqual({ status: 0, stderr: "" });
            if (output !== undefined) expect(stdout).toBe(output);
          });
        }
      }
    });

    it("under Warn an update of what was wrong is told apart, and back is one word", async () => {
      await readMetrics();
      await pod.stop();
      const [policy = ""] = policies;
      pod = await serve("warn", policy.replace("[Audit]", "[Warn]"));
      const created = await create("alice", "team-a", workload("again"));
      // What was refused in team-a is let through again, now that the second policy is gone.
      expect(created).toMatchObject({ status: 201, warnings: [expect.stringMatching(/^LBL-MISSING /)] });
      expect(await annotate("alice", "team-c", "old")).toMatchObject({ status: 200, warnings: created.warnings });
      await readMetrics();
      expect(violationsIn(pod.server.stdout())).toEqual([
        "workloads-carry-an-app-label/LBL-MISSING/warn",
        "workloads-carry-an-app-label/LBL-MISSING/existing",
      ]);

      await pod.stop();
      pod = await serve("deny", policy.replace("[Audit]", "[Deny]"));
      expect(await create("alice", "team-a", workload("refused"))).toMatchObject({ status: 403 });
      expect(await annotate("alice", "team-c", "old")).toMatchObject({ status: 200, warnings: created.warnings });
      await pod.stop();
      pod = await serve("back", policy);
      expect(await create("alice", "team-a", workload("refused"))).toMatchObject({ status: 201, warnings: [] });
    });

    it("every PromQL expression finds its samples, by labels that they have", () => {
      const text = metrics.join("\n");
      expect(texts("promql").flatMap((expression) => missingFromMetrics(expression, text))).toEqual([]);
      expect(texts("promql").length).toBeGreaterThan(3);
      const [first = ""] = texts("promql");
      expect(missingFromMetrics(first.replace('"audit"', '"audited"'), text), "control").toHaveLength(1);
      expect(missingFromMetrics(first.replace("(policy, code)", "(policy, user)"), text), "control").toEqual(["user"]);
      expect(missingFromMetrics(first.replace("violations", "violation"), text), "control").toHaveLength(1);
    });
  },
  { auditPolicyPath },
);

const OPERATOR = "system:serviceaccount:operators:cache-operator";

it("the label by which the page asks for logs is the server's", () => {
  const [, key = "", value = ""] =
    /kubectl logs \S+ \S+ -l ([^ =]+)=(\S+)/.exec(readSource("docs/audit-to-deny.md")) ?? [];
  expect(readSource("manifests/base/deployment.yaml")).toContain(`${key}: ${value}`);
});

function namespaceOf(name: string, labels: Readonly<Record<string, string>> = {}) {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** Its template has the label app, as most do. */
function workload(name: string, labels: Readonly<Record<string, string>> = {}, kind = "Deployment") {
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, labels },
    spec: {
      replicas: 0,
      ...(kind === "StatefulSet" ? { serviceName: name } : {}),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: "main", image: "example.com/main:1" }] },
      },
    },
  };
}

/** kubectl shows those of the dry run. */
function withoutWarnings(stderr: string): string {
  return stderr.replaceAll(/^Warning: .*\n/gm, "");
}

function violationsIn(log: string): readonly string[] {
  const lines = log.split("\n").filter((line) => line !== "");
  return lines.flatMap((line) => JSON.parse(line).violations ?? []);
}
