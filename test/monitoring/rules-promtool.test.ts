/** Every alert by promtool: it fires, clears, and doesn't fire where it is only just not enough. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../meta/source-files.ts";
import { type AlertCase, cases } from "./cases.ts";
import { hasPromtool, promtool, WITHOUT } from "./promtool.ts";
import { type AlertRule, alerts } from "./rules.ts";

const directory = mkdtempSync(join(tmpdir(), "portcullis-rules-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("each alert has cases", () => {
  it("and no case is of an alert that isn't there", () => {
    expect(new Set(cases.map(({ alert }) => alert))).toEqual(new Set(alerts.map(({ alert }) => alert)));
  });

  it.each(alerts.map(({ alert }) => alert))("%s: of firing and clearing, and of not firing", (alert) => {
    const own = cases.filter((each) => each.alert === alert);
    const before = (each: AlertCase) => each.quiet.some((at) => at < Math.min(...(each.fires?.at ?? [])));
    const after = (each: AlertCase) => each.quiet.some((at) => at > Math.max(...(each.fires?.at ?? [])));
    expect(own.filter(({ fires }) => fires).some((each) => before(each) && after(each))).toBe(true);
    expect(own.at(-1)?.fires).toBeUndefined();
  });
});

/** Texts are looked at where Prometheus itself fills them in (alerts-fire.test.ts): promtool would want them word for word. */
const ruleOf = (alert: string): AlertRule => {
  const { annotations: _, ...rule } = alerts.find((each) => each.alert === alert) ?? {
    alert,
    expr: "",
    for: "",
    labels: {},
  };
  return rule;
};

/** One file for each alert, with that rule alone, and one promtool for all: what it says, by alert. */
function runAll(rules: readonly AlertRule[]): ReadonlyMap<string, string> {
  const paths = rules.map((rule) => {
    const own = cases.filter(({ alert }) => alert === rule.alert);
    writeFileSync(
      join(directory, `${rule.alert}.rules.yaml`),
      JSON.stringify({ groups: [{ name: "one", rules: [rule] }] }),
    );
    const path = join(directory, `${rule.alert}.yaml`);
    const rule_files = [`${rule.alert}.rules.yaml`];
    writeFileSync(path, JSON.stringify({ rule_files, evaluation_interval: "1m", tests: own.map(toTest) }));
    return path;
  });
  const { output } = promtool("test", "rules", ...paths);
  const said = output.split("Unit Testing:").slice(1);
  return new Map(rules.map(({ alert }, index) => [alert, said[index] ?? "nothing"]));
}

function toTest({ alert, what, series, fires, quiet }: AlertCase) {
  const severity = ruleOf(alert).labels.severity;
  const firing = (fires?.at ?? []).map((at) => ({ at, alerts: [{ exp_labels: { severity, ...fires?.labels } }] }));
  const silent = quiet.map((at) => ({ at, alerts: [] }));
  return {
    name: what,
    interval: "1m",
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [...firing, ...silent].map(({ at, alerts: expected }) => ({
      eval_time: `${at}m`,
      alertname: alert,
      exp_alerts: expected,
    })),
  };
}

describe.skipIf(!hasPromtool)(`promtool${hasPromtool ? "" : ` (${WITHOUT})`}`, () => {
  let said: ReadonlyMap<string, string> = new Map();
  beforeAll(() => {
    if (hasPromtool) said = runAll(alerts.map(({ alert }) => ruleOf(alert)));
  }, 60_000);

  it("takes the rules", () => {
    const { status, output } = promtool("check", "rules", join(ROOT, "manifests/monitoring/rules.yaml"));
    expect(output).toContain(`${alerts.length} rules found`);
    expect(status, output).toBe(0);
  });

  it.each(alerts.map(({ alert }) => alert))(
    "%s fires and clears in each of its cases, and not where it isn't to",
    (alert) => {
      expect(said.get(alert)).toMatch(/^\s+\S+\.yaml\s+SUCCESS\s*$/);
    },
  );

  it("control: rules that never fire are found, and so are rules that always do", () => {
    for (const expr of ["vector(1) > 1", "vector(1)"]) {
      const bad = runAll(alerts.map(({ alert }) => ({ ...ruleOf(alert), expr })));
      for (const [alert, text] of bad) expect(text, alert).toContain("FAILED");
    }
  }, 60_000);
});
