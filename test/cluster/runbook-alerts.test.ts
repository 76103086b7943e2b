/**
 * docs/runbook.md, the part about alerts: its commands are run as they stand there, each up to its first pipe, on a control plane
 * to which the manifests have been applied. Pods get no node here: logs are empty, but a container that isn't there is an error.
 */
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { beforeAll, expect, it } from "vitest";
import { fencedBlocks } from "../meta/pages/fenced-blocks.ts";
import { ROOT, readSource } from "../meta/source-files.ts";
import { describeCluster } from "../support/cluster.ts";
import { findAssets } from "../support/control-plane/find-assets.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { apply, kubectlOrThrow, waitUntil } from "../support/installation.ts";

const commands = fencedBlocks(readSource("docs/runbook.md"))
  .filter(({ language, section }) => language === "sh" && section === "Alerts")
  .flatMap(({ text }) => text.trimEnd().split("\n"));
/** What there is to say without metrics-server, and of a rollout that can't end. */
const EXCUSES: readonly [command: RegExp, stderr: RegExp][] = [
  [/^kubectl top /, /Metrics API not available/],
  [/^kubectl rollout status /, /timed out waiting for the condition/],
  [/^kubectl get configmap .*portcullis-callers/, /configmaps "portcullis-callers" not found/],
];
const CONFIGURATION = { apiVersion: "admissionregistration.k8s.io/v1", metadata: { name: "portcullis" }, webhooks: [] };

describeCluster("the runbook's commands for alerts", (controlPlane) => {
  beforeAll(async () => {
    await apply(controlPlane(), [crdOf("PodMonitor", "podmonitors"), crdOf("PrometheusRule", "prometheusrules")]);
    await waitUntil("the CRDs are served", 30_000, async () => {
      const { stdout } = await controlPlane().kubectl([
        "api-resources",
        "--api-group=monitoring.coreos.com",
        "-o",
        "name",
      ]);
      return stdout.trim().split("\n").length === 2;
    });
    await kubectlOrThrow(controlPlane(), ["apply", "-k", `${ROOT}manifests/base`]);
    for (const kind of ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]) {
      await apply(controlPlane(), [{ ...CONFIGURATION, kind }]);
    }
    await waitUntil("there are Pods", 30_000, async () => {
      const pods = await kubectlOrThrow(controlPlane(), ["get", "pods", "-n", "portcullis", "-o", "name"]);
      return pods.trim().split("\n").length >= 3;
    });
  });

  it("kubectl apply -k manifests/monitoring works where the operator's CRDs are, twice too", async () => {
    const args = ["apply", "-k", `${ROOT}manifests/monitoring`];
    expect(await kubectlOrThrow(controlPlane(), args)).toMatch(/^podmonitor.*created$/m);
    const lines = (await kubectlOrThrow(controlPlane(), args)).trim().split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/ unchanged$/);
  });

  it.each([...new Set(commands)])("%s", (command) => {
    const assets = findAssets(process.env, describeThisMachine());
    const path = `${assets.found ? assets.path : ""}:${process.env.PATH}`;
    const env = { PATH: path, KUBECONFIG: controlPlane().kubeconfigPath, HOME: tmpdir(), LC_ALL: "C" };
    // Not the pipe within a pattern.
    const [first = ""] = command.split(/ \| (?=grep|tail|sed|base64)/);
    const { status, stderr } = spawnSync("bash", ["-c", first], {
      cwd: ROOT,
      env,
      encoding: "utf8",
      // All of /metrics.
      maxBuffer: 1e8,
    });
    const excuse = EXCUSES.find(([pattern]) => pattern.test(command));
    if (excuse) expect(stderr).toMatch(excuse[1]);
    else expect({ status, stderr: withoutWarnings(stderr) }).toEqual({ status: 0, stderr: "" });
  });
});

function withoutWarnings(stderr: string): string {
  return stderr.replaceAll(/^(Warning: .*|No resources found.*|)\n/gm, "");
}

/** Any content: the operator's own schemas are not here. */
function crdOf(kind: string, plural: string) {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.monitoring.coreos.com`,
      // The group is one of those that want a word of approval.
      annotations: { "api-approved.kubernetes.io": "unapproved, a test" },
    },
    spec: {
      group: "monitoring.coreos.com",
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
}
