/** The line of a review in the log. */
import { expect, it } from "vitest";
import { review } from "../../src/admission/review.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import type { Logger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createRecorder } from "../../src/telemetry/recorder.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, callOf, requestOf, reviewOf } from "../support/reviews.ts";

/** Of a review under so many policies, each of which finds as many violations. */
function violationsTold(policies: number, violations: number): readonly string[] {
  const told: { readonly violations?: readonly string[] }[] = [];
  const logger = { isLevelEnabled: () => true, info: (line: object) => told.push(line) } as unknown as Logger;
  const rule = ruleThatFinds(...Array.from({ length: violations }, (_, index) => ({ message: String(index) })));
  const index = indexPolicies(Array.from({ length: policies }, (_, number) => policyOf(rule, {}, `p${number}`)));
  review(callOf(), bytesOf(reviewOf(requestOf())), index, createRecorder(logger, createMetrics()));
  expect(told).toHaveLength(1);
  return told[0]?.violations ?? [];
}

it("has each kind of violation once, however many there are", () => {
  expect(violationsTold(1, 10_000)).toEqual(["p0/MADE-UP/deny"]);
});

it("has 50 kinds at most, and the number of the others", () => {
  expect(violationsTold(50, 1)).toHaveLength(50);
  expect(violationsTold(51, 1)).toHaveLength(51);
  expect(violationsTold(60, 2).at(-1)).toBe("and 10 more");
});
