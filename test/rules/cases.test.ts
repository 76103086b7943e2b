/** First height: every case through `rule.evaluate`, and what the contract promises of any rule. */
import jsonPatch from "fast-json-patch";
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { rules } from "../../src/rules/index.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { type Case, casesOf } from "../support/cases.ts";
import { inputOfCase } from "../support/evaluate-case.ts";
import { overlay } from "../support/overlay.ts";

describe.each(rules.map((rule) => [rule.id, rule] as const))("%s", (_id, rule) => {
  const cases = casesOf(rule);

  it.each(cases.map((entry) => [entry.name, entry] as const))("%s", (_name, entry) => {
    const asked = inputOfCase(rule, entry);
    const input = {
      ...asked,
      object: deepFreeze(structuredClone(asked.object)),
      ...(asked.oldObject ? { oldObject: deepFreeze(structuredClone(asked.oldObject)) } : {}),
    };
    const verdict = rule.evaluate(input);
    expect(rule.evaluate(input)).toEqual(verdict);
    expect(rule.evaluate({ ...input, patchesOnly: true }).patches).toEqual(verdict.patches);

    expect(verdict.violations.map(({ code, path }) => ({ code, path }))).toEqual(
      entry.violations.map(({ code, path }) => ({ code, path })),
    );
    verdict.violations.forEach((violation, index) => {
      const wanted = entry.violations[index];
      const row = rule.codes.find((candidate) => candidate.code === violation.code);
      expect(row, `${violation.code} is in the rule's table of codes`).toBeDefined();
      expect(violation.severity).toBe(wanted?.severity ?? row?.severity);
      if (wanted?.message !== undefined) expect(violation.message).toContain(wanted.message);
      if (wanted?.fix !== undefined) expect(violation.fix).toContain(wanted.fix);
    });

    const patched = applyPatches(entry.object, verdict.patches);
    expect(patched).toEqual(overlay(entry.object, entry.patched));
    if (verdict.patches.length > 0) {
      const again = rule.evaluate({ ...input, object: deepFreeze(patched) });
      expect(again.patches, "a second pass changes nothing").toEqual([]);
    }
  });

  it("has, for every code, a case that fires it", () => {
    const fired = new Set(cases.flatMap((entry) => entry.violations.map((violation) => violation.code)));
    expect([...fired].sort()).toEqual(rule.codes.map((row) => row.code).sort());
  });

  it("has a case without a violation", () => {
    expect(cases.some((entry: Case) => entry.violations.length === 0)).toBe(true);
  });
});

function applyPatches(object: KubernetesObject, patches: ReturnType<Rule["evaluate"]>["patches"]): KubernetesObject {
  return jsonPatch.applyPatch(structuredClone(object), structuredClone([...patches]) as never, true).newDocument;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}
