import { describe, expect, it, vi } from "vitest";
import { DeadlineExceeded } from "../../src/admission/deadline.ts";
import { evaluate } from "../../src/admission/evaluate.ts";
import type { AdmissionRequest, Call } from "../../src/admission/types.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { CANARY_MESSAGE } from "../../src/policy/policy.ts";
import type { RuleInput } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, ruleThatFinds, verdictOf } from "../support/policies.ts";
import { callOf, decoded, POD, requestOf } from "../support/reviews.ts";

function judge(policies: readonly Policy[], request: AdmissionRequest = decoded(), call: Partial<Call> = {}) {
  const operation = request.operation === "UPDATE" ? "UPDATE" : "CREATE";
  return evaluate(callOf(call), { kind: "judge", operation, policies }, request);
}

function effectsOf(...input: Parameters<typeof judge>): readonly string[] {
  return judge(...input).judged.map(({ violation, effect }) => `${violation.code} ${effect}`);
}

const ERROR = { code: "MADE-UP" };
const WARNING = { code: "MADE-UP-TOO", severity: "warning" } as const;

describe("a match that needs no policy", () => {
  it("is refused when it is the canary", () => {
    expect(evaluate(callOf(), { kind: "canary" }, decoded())).toMatchObject({
      allowed: false,
      refusal: { message: CANARY_MESSAGE },
    });
  });

  it("is allowed, and says why, when it is skipped", () => {
    const outcome = evaluate(callOf(), { kind: "skip", reason: "subresource" }, decoded());
    expect(outcome).toEqual({ allowed: true, judged: [], patches: [], skipped: "subresource" });
  });

  it("is allowed when no policy is about it", () => {
    expect(judge([])).toEqual({ allowed: true, judged: [], patches: [] });
  });
});

describe("what the validationActions make of an error and a warning", () => {
  it.each<[object, string, boolean]>([
    [{}, "MADE-UP deny, MADE-UP-TOO warn", false],
    [{ validationActions: ["Deny"] }, "MADE-UP deny, MADE-UP-TOO warn", false],
    [{ validationActions: ["Deny", "Audit"] }, "MADE-UP deny, MADE-UP-TOO warn", false],
    [{ validationActions: ["Warn"] }, "MADE-UP warn, MADE-UP-TOO warn", true],
    [{ validationActions: ["Warn", "Audit"] }, "MADE-UP warn, MADE-UP-TOO warn", true],
    [{ validationActions: ["Audit"] }, "MADE-UP audit, MADE-UP-TOO warn", true],
    [{ promoteWarnings: true }, "MADE-UP deny, MADE-UP-TOO deny", false],
    [{ validationActions: ["Audit"], promoteWarnings: true }, "MADE-UP audit, MADE-UP-TOO audit", true],
    [{ severities: { "MADE-UP": "warning" } }, "MADE-UP warn, MADE-UP-TOO warn", true],
    [{ severities: { "MADE-UP": "off" } }, "MADE-UP-TOO warn", true],
    [{ severities: { "MADE-UP-TOO": "error" } }, "MADE-UP deny, MADE-UP-TOO deny", false],
    [{ severities: { "MADE-UP-TOO": "off" }, promoteWarnings: true }, "MADE-UP deny", false],
    [{ severities: { "MADE-UP": "warning" }, promoteWarnings: true }, "MADE-UP deny, MADE-UP-TOO deny", false],
  ])("%j: %s", (spec, effects, allowed) => {
    const policy = policyOf(ruleThatFinds(ERROR, WARNING), spec);
    expect(effectsOf([policy]).join(", ")).toBe(effects);
    expect(judge([policy]).allowed).toBe(allowed);
  });

  it("is said with the severity after the policy's", () => {
    const policy = policyOf(ruleThatFinds(ERROR, WARNING), { severities: { "MADE-UP": "warning" } });
    expect(judge([policy]).judged.map(({ severity }) => severity)).toEqual(["warning", "warning"]);
  });

  it("is each policy's own affair: one denial is enough", () => {
    const mild = policyOf(ruleThatFinds(ERROR), { validationActions: ["Audit"] }, "mild");
    const strict = policyOf(ruleThatFinds(ERROR), {}, "strict");
    const outcome = judge([mild, strict]);
    expect(outcome.judged.map(({ policy, effect }) => `${policy.name} ${effect}`)).toEqual([
      "mild audit",
      "strict deny",
    ]);
    expect(outcome.allowed).toBe(false);
  });
});

describe("an account that restores backups", () => {
  const velero = { userInfo: { username: "system:serviceaccount:velero:velero" } };
  const policy = policyOf(ruleThatFinds(ERROR));

  it("is warned in place of being refused", () => {
    expect(effectsOf([policy], decoded(requestOf(velero)))).toEqual(["MADE-UP warn"]);
  });

  it("is the one that the policy names", () => {
    const named = policyOf(ruleThatFinds(ERROR), { restoreServiceAccounts: ["robin"] });
    expect(effectsOf([named], decoded(requestOf(velero)))).toEqual(["MADE-UP deny"]);
    expect(effectsOf([named], decoded(requestOf({ userInfo: { username: "robin" } })))).toEqual(["MADE-UP warn"]);
  });
});

describe("a rule", () => {
  it("gets the request, the policy's params and the moment", () => {
    const evaluateRule = vi.fn((_input: RuleInput<unknown>) => verdictOf());
    const rule = ruleOf(evaluateRule, { compile: (params) => ({ compiled: params }) });
    const policy = policyOf(rule, { params: { colour: "red" }, mutate: false, trustedControllers: ["robin"] });
    const now = new Date("2026-01-01T00:00:00Z");
    judge([policy], decoded(requestOf({ userInfo: { username: "robin" } })), { now });
    expect(evaluateRule).toHaveBeenCalledExactlyOnceWith({
      operation: "CREATE",
      object: POD,
      request: {
        resource: "pods",
        kind: "Pod",
        namespace: "application",
        username: "robin",
        trustedController: true,
      },
      now,
      params: { compiled: { colour: "red" } },
      mutate: false,
    });
  });

  it("F-82: that throws is never an answer", () => {
    const policy = policyOf(
      ruleOf(() => {
        throw new TypeError("a bug");
      }),
    );
    expect(() => judge([policy])).toThrow(new TypeError("a bug"));
    expect(() => judge([policy], decoded(), { phase: "mutate" })).toThrow(new TypeError("a bug"));
  });

  it("F-82: that promises a verdict is never an answer", () => {
    const policy = policyOf(ruleOf((() => Promise.resolve(verdictOf())) as never));
    expect(() => judge([policy])).toThrow(TypeError);
    expect(() => judge([policy], decoded(), { phase: "mutate" })).toThrow(TypeError);
  });
});

describe("the deadline", () => {
  it.each(["validate", "mutate"] as const)("F-84: is looked at before each policy in the phase %s", (phase) => {
    const evaluateRule = vi.fn(() => verdictOf());
    const policies = ["a", "b", "c"].map((name) => policyOf(ruleOf(evaluateRule), {}, name));
    const isPastDeadline = () => evaluateRule.mock.calls.length === 2;
    expect(() => judge(policies, decoded(), { phase, isPastDeadline })).toThrow(DeadlineExceeded);
    expect(evaluateRule).toHaveBeenCalledTimes(2);
  });
});
