/** The chart under another name, what Helm prints after an installation, and what the chart's README shows. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { parse } from "yaml";
import { compileFiles } from "../../src/policy/files.ts";
import { rules } from "../../src/rules/index.ts";
import { CHART, describeChart, type Values } from "../support/chart.ts";
import { MANIFESTS, type Rendered } from "../support/kustomize.ts";
import { ROOT } from "./source-files.ts";

const MONITORING = {
  monitoring: {
    labels: { release: "prometheus" },
    serviceMonitor: { enabled: true },
    prometheusRule: { enabled: true },
    grafanaDashboard: { enabled: true },
  },
};

test("the chart and its image have the version of the project", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  expect(parse(readFileSync(join(CHART, "Chart.yaml"), "utf8"))).toMatchObject({ version, appVersion: version });
});

describeChart("a release of the chart", (helm) => {
  const other = { release: "gate", namespace: "guards" };

  /** Where a name of manifests/base may still stand: it is the product's, not the installation's. */
  const PRODUCT =
    /\bportcullis\.dev\b|\bof.portcullis\b|"(app\.kubernetes\.io\/name|helm\.sh\/chart)":"portcullis[^"]*"|"image":"portcullis:[^"]*"|app\.kubernetes\.io\/name=portcullis|\/(etc|opt)\/portcullis\b/g;

  it("of another name and namespace has neither of the usual ones left", () => {
    const objects = helm.template({ excludeNamespaces: ["calico-system"], nameOverride: "pc" }, other);
    const text = JSON.stringify(objects.filter(({ kind }) => kind !== "ConfigMap")).replaceAll(PRODUCT, "");
    expect([...text.matchAll(/.{0,40}portcullis.{0,40}/g)].map(([found]) => found)).toEqual([]);
    expect(text).not.toMatch(/velero|cert-manager/);
  });

  it("is short enough for the names of Jobs and of what they label", () => {
    const objects = helm.template({ certificates: { renewal: "restart" } }, { ...other, release: "r".repeat(53) });
    const limits: Readonly<Record<string, number>> = { Job: 63, CronJob: 52, Service: 63 };
    const tooLong = objects.filter(({ kind, metadata }) => metadata.name.length > (limits[kind] ?? 253));
    expect(tooLong.map(({ metadata }) => metadata.name)).toEqual([]);
  });

  it("has the names and the namespace in the guard, each where it belongs", () => {
    const guard = helm
      .template({ fullnameOverride: "gate", excludeNamespaces: ["calico-system"] }, other)
      .filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
    const text = guard.map((policy) => JSON.stringify(policy)).join("\n");
    for (const part of [
      "startsWith('system:serviceaccount:guards:gate-')",
      "== 'system:serviceaccount:guards:gate-init'",
      "['kube-system', 'kube-public', 'kube-node-lease', 'guards', 'calico-system']",
      "o.clientConfig.service.name == 'gate' && o.clientConfig.service.namespace == 'guards'",
      "w.clientConfig.service.name == 'gate' && w.clientConfig.service.namespace == 'guards'",
      "object.metadata.name == 'gate'",
      "e.operator == 'In' && e.values == ['guards']",
      "['canary.portcullis.dev', 'policies.portcullis.dev']",
      "o.kind == 'ClusterRole' && o.name == 'gate-init'",
      "[?'portcullis.dev/service'].orValue('') == 'gate'",
      "[?'portcullis.dev/namespace'].orValue('') == 'guards'",
      "object.metadata.namespace == 'guards' && object.metadata.name == 'gate'",
    ]) {
      expect(text).toContain(part);
    }
    expect(guard.map(({ metadata }) => metadata.name)).toEqual([
      "gate-configurations",
      "gate-deletions",
      "gate-deployment",
      "gate-canary",
    ]);
  });

  it("has the monitoring of manifests/monitoring, for its own names", () => {
    const objects = helm.template(MONITORING);
    const find = (kind: string, of: readonly Rendered[] = objects) => of.find((object) => object.kind === kind);
    const source = (file: string) => parse(readFileSync(join(MANIFESTS, "monitoring", file), "utf8"));
    expect(find("PodMonitor").spec).toEqual(source("podmonitor.yaml").spec);
    expect(find("PrometheusRule").spec).toEqual(source("prometheusrule.yaml").spec);
    for (const kind of ["PodMonitor", "PrometheusRule"])
      expect(find(kind).metadata.labels).toMatchObject({ release: "prometheus" });
    const dashboard = objects.find(({ metadata }) => metadata.name === "portcullis-dashboard");
    expect(dashboard.metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    expect(JSON.parse(dashboard.data["portcullis.json"])).toEqual(source("dashboard.json"));

    const elsewhere = JSON.stringify(find("PrometheusRule", helm.template(MONITORING, other)).spec);
    const selectors = [...elsewhere.matchAll(/\b(namespace|deployment|\w+configuration|job_name)=~?\\"([^\\]*)\\"/g)];
    expect(new Set(selectors.map(([, , value]) => value))).toEqual(
      new Set(["guards", "gate-portcullis", "gate-portcullis-policies-.*"]),
    );
  });

  describe("says after its installation", () => {
    const notes = (values: Values = {}) => helm.notes({ fullnameOverride: "gate", ...values }, other);

    it("what is refused, by the policies that are in force", () => {
      const text = notes({ policies: { shipped: { "velero-backup": false, "job-hygiene": true } } });
      expect(text).toContain(`Refused is what these policies deny:

  ingresses-agree-with-their-bucket (ingress-bucket): Deny
  workloads-carry-an-app-label (required-labels): Deny

These refuse nothing:

  jobs-end-and-go (job-hygiene): Warn

Never judged: kube-system, kube-public, kube-node-lease, guards, velero, cert-manager.`);
    });

    it("that nothing is, in auditOnly", () => {
      expect(notes({ mode: "auditOnly" })).toContain("Nothing is refused.");
      expect(notes()).not.toContain("Nothing is refused.");
    });

    it("where it is, in enforceLabelled, and how to try it there", () => {
      const text = notes({ mode: "enforceLabelled" });
      expect(text).toContain("in namespaces with the label portcullis.dev/enforce=true; elsewhere they warn:");
      expect(text).toContain("kubectl label namespace default portcullis.dev/enforce=true");
    });

    it("what the policies of one's own do, and not those that they take the place of", () => {
      const own = parse(readmeExample());
      const text = notes(own);
      expect(text).toContain("  workloads-say-whose-they-are (required-labels): Warn");
      expect(text).not.toContain("workloads-carry-an-app-label");
      expect(text).not.toContain("kubectl run try-portcullis");
      expect(notes()).toContain("kubectl run try-portcullis");
    });

    it("the Job to wait for, by its name", () => {
      const [, name] = / job\/(\S+)/.exec(notes()) ?? [];
      const objects = helm.template({ fullnameOverride: "gate" }, other);
      expect(objects.filter(({ kind }) => kind === "Job").map(({ metadata }) => metadata.name)).toContain(name);
    });

    it("what to do first, where no hook cleans up", () => {
      const command = "kubectl delete mutatingwebhookconfiguration,validatingwebhookconfiguration gate";
      expect(notes({ cleanup: { enabled: false } })).toContain(command);
      expect(notes()).not.toContain(command);
    });
  });

  it("takes the policies of the README's example, and they load", () => {
    const { data } = helm.template(parse(readmeExample())).find(({ kind }) => kind === "ConfigMap");
    expect(Object.keys(data).toSorted()).toEqual([
      "enforcement.yaml",
      "ingress-bucket.yaml",
      "job-hygiene.yaml",
      "required-labels.yaml",
      "version",
    ]);
    const { policies, problems } = compileFiles(
      new Map(Object.entries<string>(data).filter(([file]) => file.endsWith(".yaml"))),
      rules,
    );
    expect(problems).toEqual([]);
    expect(new Set(policies.map(({ name }) => name))).toEqual(
      new Set(["ingresses-agree-with-their-bucket", "jobs-end-and-go", "workloads-say-whose-they-are"]),
    );
  });

  it("has no caBundle in it, and no data in its Secret", () => {
    const objects = helm.template({ certificates: { store: "secret" } });
    const secret = objects.find(({ kind }) => kind === "Secret");
    expect(secret).not.toHaveProperty("data");
    expect(secret).not.toHaveProperty("stringData");
    expect(objects.map(({ kind }) => kind)).not.toContain("ValidatingWebhookConfiguration");
    expect(JSON.stringify(objects)).not.toContain('"caBundle":');
  });
});

function readmeExample(): string {
  const readme = readFileSync(join(CHART, "README.md"), "utf8");
  return /```yaml\n([^`]*\npolicies:\n[^`]*)```/.exec(readme)?.[1] ?? "";
}
