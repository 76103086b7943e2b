/** For a code, the smallest case of its rule that fires it, and what the rule then really says. */
import { isDeepStrictEqual } from "node:util";
import { summarise } from "../../../src/admission/respond.ts";
import type { Rule, ViolationCode } from "../../../src/rules/rule.ts";
import { type Case, DEFAULT_NAMESPACE, DEFAULT_USERNAME } from "../../support/cases.ts";
import { evaluateCase } from "../../support/evaluate-case.ts";
import { compactYaml, oneLine } from "./compact-yaml.ts";
import { code, codeBlock } from "./markdown.ts";

/** Dates between which a rule that reads the clock will have changed its mind. */
const OTHER_TIMES = [new Date("2000-01-01T00:00:00Z"), new Date("2100-01-01T00:00:00Z")];

export function renderExample(rule: Rule, row: ViolationCode, cases: readonly Case[]): string {
  const chosen = cases
    .filter(({ violations }) => violations.some((violation) => violation.code === row.code))
    .map((entry) => ({ entry, shown: describeCase(rule, row.code, entry) }))
    .map((candidate) => ({ ...candidate, rank: rankOf(row, candidate.entry, candidate.shown) }))
    // A stable sort: of equals, the first of the file.
    .sort((a, b) => compare(a.rank, b.rank))[0];
  if (!chosen) throw new Error(`no case of ${rule.id} fires ${row.code}`);
  const { entry, shown } = chosen;
  const severities = severitiesOf(row, entry);
  const here = severities.includes(row.severity) ? "" : ` Here it is of severity ${severities.join(" and ")}.`;
  return `${shown}\n\n${codeBlock("text", linesOf(rule, row.code, entry).join("\n"))}${here === "" ? "" : `\n\n${here.trim()}`}`;
}

/** What to avoid first: what no cluster has, another severity, another code beside it, much to read. */
function rankOf(row: ViolationCode, entry: Case, shown: string): readonly number[] {
  const isMadeUp = entry.notLive !== undefined || (entry.operation === "UPDATE" && !entry.oldObject);
  const isAlone = entry.violations.every(({ code: other }) => other === row.code);
  return [isMadeUp ? 1 : 0, severitiesOf(row, entry).includes(row.severity) ? 0 : 1, isAlone ? 0 : 1, shown.length];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, position) => value !== b[position]);
  return index === -1 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}

function severitiesOf(row: ViolationCode, { violations }: Case): readonly string[] {
  const own = violations.filter((violation) => violation.code === row.code);
  return [...new Set(own.map(({ severity }) => severity ?? row.severity))];
}

/** What is asked: the object, and of all else only what isn't as usual. */
function describeCase(rule: Rule, codeName: string, entry: Case): string {
  const { params, given } = circumstancesOf(rule, codeName, entry);
  const paramsBlock = params === undefined ? [] : [codeBlock("yaml", compactYaml({ params }))];
  const object = codeBlock("yaml", compactYaml(entry.object));
  const objects = entry.oldObject
    ? ["An update of", codeBlock("yaml", compactYaml(entry.oldObject)), "to", object]
    : [object];
  return [...(given.length > 0 ? [`Given ${given.join(", ")}:`] : []), ...paramsBlock, ...objects].join("\n\n");
}

/** `params` where they are too long for a line. */
function circumstancesOf(rule: Rule, codeName: string, entry: Case) {
  const given: string[] = [];
  const params = paramsBesidesDefaults(rule, entry.params);
  const line = `params: ${oneLine(params)}`;
  const isLong = line.length > 90 || line.includes("\n");
  if (Object.keys(params).length > 0) given.push(isLong ? "these params" : code(line));
  if (entry.mutate !== (rule.mutates !== undefined)) given.push(code(`mutate: ${entry.mutate}`));
  if (entry.operation === "UPDATE" && !entry.oldObject) given.push("an update");
  if (entry.username !== DEFAULT_USERNAME) given.push(`the user ${code(entry.username)}`);
  if (entry.namespace !== DEFAULT_NAMESPACE && entry.namespace !== "") {
    given.push(`the namespace ${code(entry.namespace)}`);
  }
  if (readsClock(rule, codeName, entry)) given.push(`the date ${entry.now.toISOString().slice(0, 10)}`);
  return { given, params: isLong ? params : undefined };
}

function paramsBesidesDefaults(rule: Rule, params: object): Readonly<Record<string, unknown>> {
  const { properties = {} } = rule.paramsSchema as { properties?: Readonly<Record<string, { default?: unknown }>> };
  return Object.fromEntries(
    Object.entries(params).filter(([name, value]) => !isDeepStrictEqual(value, properties[name]?.default)),
  );
}

function readsClock(rule: Rule, codeName: string, entry: Case): boolean {
  const said = linesOf(rule, codeName, entry);
  return OTHER_TIMES.some((now) => !isDeepStrictEqual(summariesOf(rule, codeName, entry, now), said));
}

function linesOf(rule: Rule, codeName: string, entry: Case): readonly string[] {
  const lines = summariesOf(rule, codeName, entry, entry.now);
  if (lines.length === 0) throw new Error(`${rule.id}: the case "${entry.name}" doesn't fire ${codeName}`);
  return lines;
}

function summariesOf(rule: Rule, codeName: string, entry: Case, now: Date): readonly string[] {
  const { violations } = evaluateCase(rule, entry, { now });
  return violations.filter((violation) => violation.code === codeName).map(summarise);
}
