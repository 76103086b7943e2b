/** The ratchet: what was wrong before an update is a warning; what the update makes wrong is judged. */
import { describe, expect, it, vi } from "vitest";
import { evaluate } from "../../src/admission/evaluate.ts";
import type { AdmissionRequest } from "../../src/admission/types.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { Rule, RuleInput, Violation } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, ruleThatFinds, verdictOf } from "../support/policies.ts";
import { callOf, decoded, POD, requestOf, updateOf } from "../support/reviews.ts";

type Fault = Partial<Violation>;

function effectsOf(rule: Rule, request: AdmissionRequest, spec: object = {}): readonly string[] {
  const operation = request.operation === "UPDATE" ? "UPDATE" : "CREATE";
  const outcome = evaluate(callOf(), { kind: "judge", operation, policies: [policyOf(rule, spec)] }, request);
  return outcome.judged.map(({ effect }) => effect);
}

/** Finds what the object says that is wrong with it. */
const honest = ruleOf(({ object }) => verdictOf(...(object.faults as readonly Fault[])));

/** What becomes of each fault of the new object. */
function effectsOfUpdate(before: readonly Fault[], after: readonly Fault[], spec: object = {}): readonly string[] {
  return effectsOf(honest, decoded(updateOf({ ...POD, faults: after }, { ...POD, faults: before })), spec);
}

const FAULT: Fault = { code: "MADE-UP", severity: "error", path: "/spec/volumes/1/name", subject: "data" };

describe("a fault that was there before", () => {
  it("F-65: is not a reason to refuse the update", () => {
    expect(effectsOfUpdate([FAULT], [FAULT])).toEqual(["existing"]);
  });

  it.each<[string, Fault]>([
    ["message", { message: "another" }],
    ["fix", { fix: "another" }],
    ["place in a list", { path: "/spec/volumes/0/name" }],
  ])("is known again by another %s", (_name, difference) => {
    expect(effectsOfUpdate([{ ...FAULT, ...difference }], [FAULT])).toEqual(["existing"]);
  });

  it.each<[string, Fault]>([
    ["code", { code: "MADE-UP-TOO" }],
    ["field", { path: "/spec/volumes/1/subPath" }],
    ["subject", { subject: "logs" }],
    ["severity: what was a warning doesn't excuse an error", { severity: "warning" }],
  ])("is another one by another %s", (_name, difference) => {
    expect(effectsOfUpdate([{ ...FAULT, ...difference }], [FAULT])).toEqual(["deny"]);
  });

  it("is told by its place in a list where it has no subject", () => {
    const [first, second] = ["/spec/volumes/0", "/spec/volumes/1"].map((path) => ({ code: "MADE-UP", path }));
    expect(effectsOfUpdate([first ?? {}], [first ?? {}, second ?? {}])).toEqual(["existing", "deny"]);
  });

  it("isn't mistaken for one whose path and subject read alike when put together", () => {
    expect(effectsOfUpdate([{ path: "/a", subject: "b,c" }], [{ path: "/a,b", subject: "c" }])).toEqual(["deny"]);
  });

  it("F-65: excuses none that is new beside it", () => {
    expect(effectsOfUpdate([FAULT], [FAULT, { ...FAULT, subject: "logs" }])).toEqual(["existing", "deny"]);
  });

  it("and has been repaired is not mentioned", () => {
    expect(effectsOfUpdate([FAULT], [])).toEqual([]);
  });

  it("is not mentioned where its code is off", () => {
    expect(effectsOfUpdate([FAULT], [FAULT], { severities: { "MADE-UP": "off" } })).toEqual([]);
  });
});

describe("a policy with ratchet: false", () => {
  it("refuses what was wrong before like what is new", () => {
    expect(effectsOfUpdate([FAULT], [FAULT], { ratchet: false })).toEqual(["deny"]);
    expect(effectsOfUpdate([FAULT], [FAULT, { ...FAULT, subject: "logs" }], { ratchet: false })).toEqual([
      "deny",
      "deny",
    ]);
    expect(effectsOfUpdate([FAULT], [FAULT], { ratchet: true })).toEqual(["existing"]);
  });

  it("does no more than it says with what it doesn't refuse", () => {
    expect(effectsOfUpdate([FAULT], [FAULT], { ratchet: false, validationActions: ["Warn"] })).toEqual(["warn"]);
    expect(effectsOfUpdate([FAULT], [], { ratchet: false })).toEqual([]);
  });

  it("doesn't ask its rule about the old object", () => {
    const evaluateRule = vi.fn((_input: RuleInput<unknown>) => verdictOf(FAULT));
    effectsOf(ruleOf(evaluateRule), decoded(updateOf(POD, POD)), { ratchet: false });
    expect(evaluateRule).toHaveBeenCalledTimes(1);
  });
});

describe("the rule", () => {
  it("is asked about the old object as if it stood alone, and only where the new one has a fault", () => {
    const evaluateRule = vi.fn((_input: RuleInput<unknown>) => verdictOf(FAULT));
    const old: KubernetesObject = { ...POD, spec: { old: true } };
    effectsOf(ruleOf(evaluateRule), decoded(updateOf(POD, old)));
    const asked = evaluateRule.mock.calls.map(([{ operation, object, oldObject }]) => [operation, object, oldObject]);
    expect(asked).toEqual([
      ["UPDATE", POD, old],
      ["UPDATE", old, undefined],
    ]);

    evaluateRule.mockClear().mockReturnValue(verdictOf());
    effectsOf(ruleOf(evaluateRule), decoded(updateOf(POD, old)));
    expect(evaluateRule).toHaveBeenCalledTimes(1);
  });

  it("is not excused on a create, whatever comes as oldObject", () => {
    expect(effectsOf(ruleThatFinds(FAULT), decoded(requestOf({ oldObject: POD })))).toEqual(["deny"]);
  });
});
