/** Every answer of the pipeline, to any review that keeps the contract, under the shipped policies and under others. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { indexPolicies, type PolicyIndex } from "../../src/policy/policy-index.ts";
import { rules } from "../../src/rules/index.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { veleroBackup } from "../../src/rules/velero-backup/rule.ts";
import { askPipeline, shippedPolicies } from "../support/ask-pipeline.ts";
import { policyOf, ruleOf, ruleThatFinds, verdictOf } from "../support/policies.ts";
import { POD, updateOf } from "../support/reviews.ts";
import { type AskedReview, PHASES, validReviews } from "../support/valid-reviews.ts";

const SHIPPED = indexPolicies(shippedPolicies(), rules);
/** What the shipped ones leave out: other params, warnings, and rules that find much. */
const OTHERS = indexPolicies(
  [
    policyOf(ingressBucket, { params: { addRewrite: "legacy", tls: "warn" }, validationActions: ["Warn"] }, "rewrites"),
    policyOf(requiredLabels, { params: { labels: [{ anyOf: ["team"], default: "none" }] } }, "team"),
    policyOf(veleroBackup, { params: { includeJobs: true, includeEmptyDir: true, strictPlacement: true } }, "velero"),
    policyOf(
      ruleThatFinds(
        ...Array.from({ length: 60 }, (_, index) => ({ message: `${index}\n\u001b[31m${"x".repeat(300)}` })),
      ),
      { validationActions: ["Warn"] },
      "much",
    ),
  ],
  rules,
);
const RUNS = 100_000;

/** What is wrong with the answers in both phases. */
function faultsOf(
  policies: PolicyIndex,
  { request, entry }: AskedReview,
  tally: Map<string, number>,
): readonly string[] {
  return PHASES.flatMap((phase) => {
    const { response, problems } = askPipeline(policies, phase, request, entry);
    const verdict = response.allowed
      ? response.patch
        ? "patched"
        : response.warnings
          ? "warned"
          : "allowed"
      : "denied";
    tally.set(verdict, (tally.get(verdict) ?? 0) + 1);
    return problems.map((problem) => `${phase}: ${problem}`);
  });
}

/** Undefined, or the smallest review that is answered wrongly, and how. */
function findFault(policies: PolicyIndex, numRuns: number, tally = new Map<string, number>()): string | undefined {
  const property = fc.property(validReviews, (asked) => {
    const faults = faultsOf(policies, asked, tally);
    if (faults.length > 0) throw new Error(faults.join("; "));
  });
  const details = fc.check(property, { numRuns, includeErrorInReport: true });
  return details.failed ? `${details.errorInstance} by ${JSON.stringify(details.counterexample)}` : undefined;
}

describe("G-1: any review that keeps the contract", () => {
  it(`is answered as the API server wants it, ${RUNS} times under the shipped policies`, { timeout: 600_000 }, () => {
    const tally = new Map<string, number>();
    expect(findFault(SHIPPED, RUNS, tally)).toBeUndefined();
    // All sorts of answers are among them, each often.
    for (const verdict of ["allowed", "denied", "patched", "warned"]) {
      expect(tally.get(verdict), verdict).toBeGreaterThan(RUNS / 200);
    }
  });

  it("is answered so under others, too", { timeout: 120_000 }, () => {
    expect(findFault(OTHERS, 5_000)).toBeUndefined();
  });
});

it("G-1: two lists of warnings that are cut alike don't end in the same words", () => {
  const findings = (count: number) => Array.from({ length: count }, (_, index) => ({ path: `/spec/field${index}` }));
  const rule = ruleOf(({ object }) => verdictOf(...findings(object.metadata?.name === "old" ? 4 : 12)));
  const policies = indexPolicies([policyOf(rule, { validationActions: ["Warn"] })], [rule]);
  const { response, problems } = askPipeline(
    policies,
    "validate",
    updateOf(POD, { ...POD, metadata: { name: "old" } }),
  );
  expect(response.warnings).toHaveLength(10);
  expect(problems).toEqual([]);
});

describe("control: a policy that makes a bad answer is found", () => {
  const patchOf = (...patches: readonly object[]) => ruleOf(() => ({ violations: [], patches: patches as never }));
  it.each<[string, Rule, RegExp]>([
    ["by throwing", ruleOf(({ object }) => (object.kind === "Pod" ? boom() : verdictOf())), /boom/],
    [
      "by a patch that does not apply",
      patchOf({ op: "replace", path: "/metadata/annotations", value: {} }),
      // The pipeline notices by itself where there are no annotations to replace, in which the smallest review often ends.
      /mutate: response\.patch does not apply|there are no annotations/,
    ],
  ])("%s", (_name, rule, expected) => {
    expect(findFault(indexPolicies([policyOf(rule)], [rule]), 1_000)).toMatch(expected);
  });
});

function boom(): never {
  throw new Error("boom");
}
