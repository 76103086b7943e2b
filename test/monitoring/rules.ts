/** The alert rules of manifests/monitoring: as they are, for the operator, and scaled down for a test that can't wait. */
import { parse } from "yaml";
import { readSource } from "../meta/source-files.ts";

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RuleFile {
  readonly groups: readonly {
    readonly name: string;
    readonly interval?: string;
    readonly rules: readonly AlertRule[];
  }[];
}

const text = readSource("manifests/monitoring/rules.yaml");
export const ruleFile: RuleFile = parse(text);
export const alerts: readonly AlertRule[] = ruleFile.groups.flatMap(({ rules }) => rules);

const HEAD = `# Made from rules.yaml by \`npm run docs\`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: portcullis
spec:
`;

export function renderPrometheusRule(): string {
  return HEAD + text.replaceAll(/^(?=.)/gm, "  ");
}

/** The line above the `for:` of an alert, which says why it is as long as it is. */
export function reasonOfFor(alert: string): string | undefined {
  return new RegExp(`- alert: ${alert}\\n(?:(?! +- alert:).*\\n)*? *# (.*)\\n *for: `).exec(text)?.[1];
}

/**
 * The same rules in a hurry: every `for` that isn't 0, and every range and offset, is a few seconds. What they
 * are compared with stays.
 */
export function scaledDown(range: string, wait: string): RuleFile {
  return {
    groups: ruleFile.groups.map(({ name, rules }) => ({
      name,
      rules: rules.map((rule) => ({
        ...rule,
        expr: rule.expr.replaceAll(/\[\d+[smhd]\]/g, `[${range}]`).replaceAll(/offset \d+[smhd]/g, `offset ${range}`),
        for: rule.for === "0m" ? "0s" : wait,
      })),
    })),
  };
}
