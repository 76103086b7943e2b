/** Whether a list is written so that Velero reads the names that the user means. */
import { quoted } from "../../kube/quoted.ts";
import type { Severity, Violation } from "../rule.ts";
import { type Finding, violationOf } from "./codes.ts";
import { itemsOf, type ListKey, namesOf, yamlLine } from "./volume-list.ts";

/** `spaceSeverity` is lower where the Pods will get the list without the spaces. */
export function judgeText(key: ListKey, path: string, value: string, spaceSeverity: Severity): Violation[] {
  const names = namesOf(value);
  if ([...names].join(",") === value) return [];
  const items = itemsOf(value);
  const at = { path, fix: `write ${yamlLine(key, names)}` };
  const violations: Violation[] = [];

  const spaced = items.find((item) => item !== item.trim() && item.trim() !== "");
  if (spaced !== undefined) {
    const finding: Finding = { ...at, message: `Velero finds no volume named ${quoted(spaced)}`, subject: value };
    violations.push(violationOf("VEL-SPACE", { ...finding, severity: spaceSeverity }));
  }
  if (items.some((item) => item.trim() === "")) {
    violations.push(violationOf("VEL-EMPTY-ITEM", { ...at, message: "an item has no name", subject: value }));
  }
  for (const name of repeatedNames(items)) {
    violations.push(violationOf("VEL-DUP", { ...at, message: `${quoted(name)} is named twice`, subject: name }));
  }
  return violations;
}

function repeatedNames(items: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const item of items) {
    const name = item.trim();
    if (seen.has(name) && name !== "") repeated.add(name);
    seen.add(name);
  }
  return repeated;
}
