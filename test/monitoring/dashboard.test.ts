/** The dashboard's JSON: what Grafana would stumble over, and whether its queries name what is exported. */
import { describe, expect, it } from "vitest";
import { readSource } from "../meta/source-files.ts";
import { describeKustomize } from "../support/kustomize.ts";
import { missingFromMetrics } from "../support/promql.ts";
import { dashboard, type Panel, queries } from "./dashboard.ts";
import { everythingKnown, TARGET_LABELS } from "./exported.ts";
import { ruleFile } from "./rules.ts";

const drawn = dashboard.panels.filter(({ type }) => type !== "row");
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana
const DATASOURCE = "${datasource}";
/** Grafana's grid. */
const COLUMNS = 24;

describe("the dashboard", () => {
  it("is of a schema that Grafana 10 and later read, with a uid of its own", () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(dashboard).toMatchObject({ uid: "portcullis", title: "portcullis" });
    expect(dashboard).not.toHaveProperty("id");
    expect(dashboard).not.toHaveProperty("__inputs");
  });

  it("has panels with ids of their own, which don't overlap", () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { gridPos, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(COLUMNS);
      expect(Math.min(gridPos.x, gridPos.y, gridPos.w - 1, gridPos.h - 1), title).toBeGreaterThanOrEqual(0);
    }
    const overlaps = dashboard.panels.flatMap((a, index) =>
      dashboard.panels
        .slice(index + 1)
        .filter((b) => overlap(a, b))
        .map((b) => `${a.title} / ${b.title}`),
    );
    expect(overlaps).toEqual([]);
  });

  it("is about verdicts, latency, certificates, shedding, Audit, errors, the keeper and load", () => {
    const rows = dashboard.panels.filter(({ type }) => type === "row").map(({ title }) => title);
    expect(rows).toEqual([
      "Verdicts",
      "What would be refused under Deny",
      "Errors and shedding",
      "Certificates",
      "Keeper",
      "Load",
      "Exceptions",
    ]);
  });

  it.each(drawn.map((panel) => [panel.title, panel] as const))(
    "%s: says what it shows, in which unit, from where",
    (_, panel) => {
      expect(panel.description).toMatch(/^\w.*\.$/);
      expect(panel.fieldConfig?.defaults.unit).toBeTruthy();
      const source = { type: "prometheus", uid: DATASOURCE };
      expect(panel.datasource).toEqual(source);
      const targets = panel.targets ?? [];
      expect(targets.length).toBeGreaterThan(0);
      for (const { datasource } of targets) expect(datasource).toEqual(source);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    },
  );

  it("has the data source as its variable, and no other variable that isn't Grafana's own", () => {
    expect(dashboard.templating.list).toMatchObject([{ name: "datasource", type: "datasource", query: "prometheus" }]);
    const variables = readSource("manifests/monitoring/dashboard.json").match(/\$\{?\w+\}?/g) ?? [];
    expect(new Set(variables)).toEqual(new Set([DATASOURCE, "$__rate_interval", "$__range"]));
  });

  it.each(queries)("$panel: $expr", async ({ expr }) => {
    const plain = expr.replaceAll('alertname=~"Portcullis.*"', 'alertname=~"Portcullis.+"');
    expect(missingFromMetrics(plain, await everythingKnown(), TARGET_LABELS)).toEqual([]);
  });
});

describeKustomize("kubectl kustomize manifests/monitoring", (render) => {
  it("makes a PodMonitor, the rules and the dashboard, in our namespace", () => {
    const objects = render("manifests/monitoring");
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`).sort()).toEqual([
      "ConfigMap portcullis/portcullis-dashboard",
      "PodMonitor portcullis/portcullis",
      "PrometheusRule portcullis/portcullis",
    ]);
    const byKind = new Map(objects.map((object) => [object.kind, object]));
    expect(byKind.get("ConfigMap").metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    expect(JSON.parse(byKind.get("ConfigMap").data["portcullis.json"])).toEqual(dashboard);
    expect(byKind.get("PrometheusRule").spec).toEqual(ruleFile);
  });

  it("selects the server's Pods, by ports that they have", () => {
    const [monitor] = render("manifests/monitoring").filter(({ kind }) => kind === "PodMonitor");
    const deployments = ["base", "overlays/keeper"].map(
      (directory) => render(`manifests/${directory}`).filter(({ kind }) => kind === "Deployment")[0],
    );
    for (const { metadata, spec } of deployments) {
      expect(metadata.namespace).toBe(monitor.metadata.namespace);
      expect(spec.template.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
      // The job's name in the rules.
      expect(spec.template.metadata.labels[monitor.spec.jobLabel]).toBe("portcullis");
    }
    const ports = deployments.map(({ spec: { template } }) =>
      [...template.spec.initContainers, ...template.spec.containers]
        .flatMap(({ ports: own = [] }) => own.map(({ name }: { name: string }) => name))
        .filter((name) => monitor.spec.podMetricsEndpoints.some(({ port }: { port: string }) => port === name))
        .sort(),
    );
    expect(ports).toEqual([["health"], ["health", "keeper"]]);
  });
});

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
