import { groupResource } from "../../../src/kube/objects.ts";
import type { ResourceRule, Rule } from "../../../src/rules/rule.ts";
import type { Case } from "../../support/cases.ts";
import { renderExample } from "./code-example.ts";
import { code, GENERATED, linkTo, renderTable } from "./markdown.ts";
import { renderParams } from "./params-table.ts";

export function renderRules(rules: readonly Rule[], casesOf: (rule: Rule) => readonly Case[]): string {
  const contents = rules.map((rule) => [linkTo(rule.id), sentence(rule.summary)]);
  return `# Rules

${GENERATED}

What every rule takes, judges and says, from the rules themselves ([src/rules](../src/rules)). The examples are cases of their tests,
and the answers below them what the rules say to these cases. Objects are cut down to what the code is about. How a policy chooses a
rule, and what an error or a warning leads to, is in [policies.md](policies.md).

${renderTable(["rule", "what it does"], contents)}

${rules.map((rule) => renderRule(rule, casesOf(rule))).join("\n")}`;
}

function renderRule(rule: Rule, cases: readonly Case[]): string {
  const params = renderParams(rule.paramsSchema);
  const codes = rule.codes.map((row) => [linkTo(row.code), row.severity, row.summary]);
  const examples = rule.codes.map(
    (row) => `### ${row.code}\n\n${capitalise(row.severity)}: ${row.summary}.\n\n${renderExample(rule, row, cases)}\n`,
  );
  return `## ${rule.id}

${sentence(rule.summary)}
The reasons, and what it can't know, are in its [README](../src/rules/${rule.id}/README.md).

${describeRequests(rule)}

${params ?? "It takes no parameters."}

${renderTable(["code", "severity", "fires when"], codes)}

${examples.join("\n")}`;
}

function describeRequests({ resources, mutates, mutatesWith }: Rule): string {
  const judges = `- Judges ${describeResources(resources)}.`;
  if (!mutates) return `${judges}\n- Patches nothing.`;
  return `${judges}\n- Patches ${describeResources(mutates)}${mutatesWith ? ", where its params ask for it" : ""}.`;
}

/** Resources with the same operations together. */
function describeResources(resources: readonly ResourceRule[]): string {
  const byOperations = Map.groupBy(resources, ({ operations }) => operations.join(" and "));
  return [...byOperations]
    .map(([operations, rows]) => {
      const names = rows.flatMap((row) => row.resources.map((resource) => groupResource({ ...row, resource })));
      return `${[...new Set(names)].map(code).join(", ")} on ${operations}`;
    })
    .join("; ");
}

function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}

function capitalise(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
