/** What an alert must have, and that rules name what is exported. */
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readSource } from "../meta/source-files.ts";
import { missingFromMetrics } from "../support/promql.ts";
import { everythingExported, everythingKnown, TARGET_LABELS } from "./exported.ts";
import { alerts, reasonOfFor, renderPrometheusRule, ruleFile } from "./rules.ts";

const RUNBOOK = readSource("docs/runbook.md");
/** From one heading to the next of its level or above. */
const sections = new Map(
  RUNBOOK.slice(RUNBOOK.indexOf("\n## Alerts\n"))
    .split(/^### /m)
    .slice(1)
    .map((section) => [section.split("\n")[0] ?? "", section]),
);

it("prometheusrule.yaml is rules.yaml below a head: else run `npm run docs`", () => {
  const rendered = readSource("manifests/monitoring/prometheusrule.yaml");
  expect(rendered).toBe(renderPrometheusRule());
  expect(parse(rendered).spec).toEqual(ruleFile);
});

it("the runbook has a section for each alert, in their order, and for nothing else", () => {
  expect([...sections.keys()]).toEqual(alerts.map(({ alert }) => alert));
});

describe.each(alerts.map((rule) => [rule.alert, rule] as const))("%s", (alert, rule) => {
  it("says what happens for users, what to do, how urgent it is, and where to read on", () => {
    expect(alert).toMatch(/^Portcullis[A-Z]/);
    expect(rule.labels).toEqual({ severity: expect.stringMatching(/^(page|ticket)$/) });
    const { summary, description, runbook_url, ...others } = rule.annotations ?? {};
    expect(others).toEqual({});
    expect(summary).toMatch(/^[A-Z][^.{]{10,70}$/);
    expect(description?.length).toBeGreaterThan(100);
    expect(description?.length).toBeLessThan(400);
    expect(runbook_url).toBe(`https://portcullis.dev/docs/runbook.md#${alert.toLowerCase()}`);
  });

  it("says why it waits as long as it does", () => {
    expect(rule.for).toMatch(/^\d+[mh]$/);
    expect(reasonOfFor(alert)).toMatch(/\w{3}.*\.$/);
  });

  it("has a section in the runbook: meaning, what users notice, how to look, what to do", () => {
    const bold = [...(sections.get(alert) ?? "").matchAll(/^\*\*(.+?)\*\*/gm)].map(([, words]) => words);
    expect(bold).toEqual(["What it means.", "What users notice.", "How to look.", "What to do."]);
    expect(sections.get(alert), "commands").toMatch(/^```sh$/m);
  });

  it("names metrics, labels and values that are exported", async () => {
    expect(missingFromMetrics(rule.expr, await everythingKnown(), TARGET_LABELS)).toEqual([]);
  });
});

it("control: what is not exported is found", async () => {
  const known = await everythingKnown();
  const missing = (expression: string) => missingFromMetrics(expression, known, TARGET_LABELS);
  expect(missing('rate(portcullis_shed{reason="lag"}[5m])')).toEqual(['portcullis_shed{reason="lag"}']);
  expect(missing('portcullis_shed_total{reason="slow"}')).toHaveLength(1);
  expect(missing('portcullis_shed_total{reason=~"lag|slow"}')).toHaveLength(1);
  expect(missing('portcullis_shed_total{reason!~"lag|slow"}')).toHaveLength(1);
  expect(missing('portcullis_shed_total{reason!~"lag|bytes|requests"}')).toHaveLength(1);
  expect(missing("sum by (why) (portcullis_shed_total)")).toEqual(["why"]);
  expect(missing('sum by (reason, pod) (portcullis_shed_total{reason!="lag"})')).toEqual([]);
});

it("every metric of ours is in an alert or on the dashboard", async () => {
  const used = alerts.map(({ expr }) => expr).join("\n") + readSource("manifests/monitoring/dashboard.json");
  const exported = [...(await everythingExported()).matchAll(/^# TYPE (\w+) /gm)].map(([, name = ""]) => name);
  expect(exported.length).toBeGreaterThan(15);
  expect(exported.filter((name) => !used.includes(name))).toEqual([]);
});
