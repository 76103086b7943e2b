import { describe, expect, it } from "vitest";
import { respond } from "../../src/admission/respond.ts";
import type { AdmissionResponse, Effect, JudgedViolation, Outcome } from "../../src/admission/types.ts";
import type { Phase, Policy } from "../../src/policy/policy.ts";
import type { Violation } from "../../src/rules/rule.ts";
import { policyOf, ruleThatFinds, violationOf } from "../support/policies.ts";
import { decoded, POD, patchesOf, UID } from "../support/reviews.ts";
import { verifyResponse } from "../support/verify-response.ts";

const POLICY = policyOf(ruleThatFinds());

function judged(effect: Effect, violation: Partial<Violation> = {}, policy: Policy = POLICY): JudgedViolation {
  const whole = violationOf(violation);
  return { policy, violation: whole, severity: whole.severity, effect };
}

/** The response to an outcome, which the API server has found nothing wrong with. */
function answer(outcome: Partial<Outcome>, phase: Phase = "validate"): AdmissionResponse {
  const review = respond(decoded(), { allowed: true, judged: [], patches: [], ...outcome });
  const problems = verifyResponse({ phase, uid: UID, object: POD, status: 200, body: JSON.stringify(review) });
  expect(problems).toEqual([]);
  return review.response;
}

function deny(...violations: readonly JudgedViolation[]): NonNullable<AdmissionResponse["status"]> {
  const { status } = answer({ allowed: false, judged: violations });
  if (!status) throw new Error("a denial has a status");
  return status;
}

function warn(...violations: readonly JudgedViolation[]): readonly string[] {
  return answer({ judged: violations }).warnings ?? [];
}

function several<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

describe("an answer", () => {
  it("F-73: to a request with which nothing is wrong is the uid and allowed, without a patchType", () => {
    expect(answer({})).toEqual({ uid: UID, allowed: true });
    expect(answer({}, "mutate")).toEqual({ uid: UID, allowed: true });
  });

  it("to a request that was skipped is the same", () => {
    expect(answer({ skipped: "operation" })).toEqual({ uid: UID, allowed: true });
  });

  it("with a refusal that is no policy's says what it says", () => {
    const status = { code: 403, reason: "Forbidden", message: "no" };
    expect(answer({ allowed: false, refusal: { message: "no", causes: [] } })).toEqual({
      uid: UID,
      allowed: false,
      status,
    });
  });

  it("keeps the lines of such a refusal, and nothing else that a terminal obeys", () => {
    const causes = [{ reason: "POLICIES", message: "bad\u001b[1m", field: "data[a.yaml]" }];
    const { status } = answer({ allowed: false, refusal: { message: "two\n  lines\u0007", causes } });
    expect(status?.message).toBe("two\n  lines\\u0007");
    expect(status?.details?.causes).toEqual([{ reason: "POLICIES", message: "bad\\u001b[1m", field: "data[a.yaml]" }]);
  });

  it("shows notices as warnings, of 120 characters like the others", () => {
    const { warnings = [] } = answer({ notices: ["a.yaml:1:1: odd", "x".repeat(200)] });
    expect(warnings[0]).toBe("a.yaml:1:1: odd");
    expect(warnings.map(({ length }) => length)).toEqual([15, 120]);
  });

  it("warns of an exception in its last days, and of none before", () => {
    const exception = { until: "2026-11-25", endMs: 0, reason: "TICKET-12" };
    const excepted = judged("excepted", {});
    expect(warn({ ...excepted, exception, isLapsing: true })).toEqual([
      "MADE-UP passes until 2026-11-25 only (TICKET-12); policy a-policy",
    ]);
    expect(warn({ ...excepted, exception, isLapsing: false })).toEqual([]);
  });

  it("carries patches in base64 and names their type", () => {
    const patches = [{ op: "add", path: "/metadata/annotations", value: { note: "ü" } }] as const;
    const response = answer({ patches }, "mutate");
    expect(response).toEqual({ uid: UID, allowed: true, patchType: "JSONPatch", patch: expect.any(String) });
    expect(patchesOf(response)).toEqual(patches);
  });
});

describe("a denial", () => {
  it("names code, field, fault, repair and policy", () => {
    const fix = 'add "app: web" under metadata.labels';
    expect(deny(judged("deny", { path: "/metadata/labels/a~1b", message: 'label "a/b" is missing', fix }))).toEqual({
      code: 403,
      reason: "Forbidden",
      message: `MADE-UP metadata.labels[a/b]: label "a/b" is missing; ${fix} (policy a-policy)`,
      details: {
        causes: [{ reason: "MADE-UP", message: 'label "a/b" is missing', field: "metadata.labels[a/b]" }],
      },
    });
  });

  it("does without a field and a repair where there are none", () => {
    expect(deny(judged("deny", { path: "" })).message).toBe("MADE-UP the spec is wrong (policy a-policy)");
  });

  it("begins with the policy's own message and ends with its runbook", () => {
    const policy = policyOf(ruleThatFinds(), { message: "House rule 7", runbookURL: "https://example.org/7" });
    expect(deny(judged("deny", {}, policy)).message).toBe(
      "House rule 7: MADE-UP spec: the spec is wrong (policy a-policy, see https://example.org/7)",
    );
  });

  it("F-80: is a list where there are several violations, in their order", () => {
    const status = deny(judged("deny", { message: "one" }), judged("deny", { message: "two", path: "/metadata" }));
    expect(status.message).toBe(
      "2 violations\n- MADE-UP spec: one (policy a-policy)\n- MADE-UP metadata: two (policy a-policy)",
    );
    expect(status.details?.causes.map(({ message }) => message)).toEqual(["one", "two"]);
  });

  it("is about what is denied; the rest are warnings beside it", () => {
    const response = answer({
      allowed: false,
      judged: [judged("warn", { message: "mild" }), judged("deny", { message: "hard" }), judged("audit")],
    });
    expect(response.status?.message).toBe("MADE-UP spec: hard (policy a-policy)");
    expect(response.status?.details?.causes).toHaveLength(1);
    expect(response.warnings).toEqual(["MADE-UP spec: mild"]);
  });

  it("F-75, F-77: is cut at 4,000 characters, its causes at 256", () => {
    const status = deny(...several(1000, (index) => judged("deny", { message: `${index} ${"x".repeat(300)}` })));
    expect([...status.message]).toHaveLength(4000);
    expect(status.message).toMatch(/^1000 violations\n.*…$/s);
    for (const { message } of status.details?.causes ?? []) expect([...message]).toHaveLength(256);
  });

  it("F-77: is cut between characters, never within one", () => {
    const { message } = deny(judged("deny", { message: "\u{1f600}".repeat(5000) }));
    expect(message).toMatch(/\u{1f600}…$/u);
    expect(message.isWellFormed()).toBe(true);
  });

  it.each<[string, string, string]>([
    ["a colour of the terminal", "\u001b[31mred", "\\u001b[31mred"],
    ["a line break and a NUL", "a\r\n\0b", "a\\u000d\\u000a\\u0000b"],
    ["a separator of lines", "a\u2028b", "a\\u2028b"],
    ["writing from right to left", "a\u202eb", "a\\u202eb"],
    ["something of no width", "a\u200db\ufeff", "a\\u200db\\ufeff"],
    ["half a character", "a\ud800b", "a\\ud800b"],
    ["text that looks like a format or a page", "%s <script>&amp;", "%s <script>&amp;"],
  ])("F-77: shows %s and doesn't obey it", (_name, message, shown) => {
    const status = deny(judged("deny", { message, fix: message }));
    expect(status.message).toBe(`MADE-UP spec: ${shown}; ${shown} (policy a-policy)`);
    expect(status.details?.causes[0]?.message).toBe(shown);
  });
});

describe("warnings", () => {
  it("are said without the policy, which is in the audit log", () => {
    expect(warn(judged("warn", { fix: "do this" }))).toEqual(["MADE-UP spec: the spec is wrong; do this"]);
  });

  it("F-65: are given of what was wrong before an update too", () => {
    expect(warn(judged("existing"))).toEqual(["MADE-UP spec: the spec is wrong"]);
  });

  it("are not given of what is only audited", () => {
    expect(warn(judged("audit"))).toEqual([]);
  });

  it("F-76: are at most ten, each of at most 120 characters, with a count of the rest", () => {
    const warnings = warn(
      ...several(200, (index) => judged("warn", { message: `${index}\n${"x".repeat(10_000)}` })),
      ...several(50, (index) => judged("existing", { message: `before ${index}` })),
    );
    expect(warnings.length).toBeLessThanOrEqual(10);
    const counts = warnings.flatMap((warning) => /^\+(\d+) more/.exec(warning)?.[1] ?? []).map(Number);
    expect(counts).toHaveLength(2);
    expect(counts.reduce((sum, count) => sum + count) + warnings.length - 2).toBe(250);
  });

  it("of this change are never crowded out by those of before", () => {
    const warnings = warn(...several(50, () => judged("existing")), judged("warn", { message: "new" }));
    expect(warnings[0]).toBe("MADE-UP spec: new");
  });

  it("are given once where they read the same", () => {
    expect(warn(judged("warn"), judged("warn"))).toHaveLength(1);
  });
});

describe("audit annotations", () => {
  it("F-78: name policies, rules, codes and effects, each once", () => {
    const other = policyOf(ruleThatFinds(), {}, "another-policy");
    const { auditAnnotations } = answer({ judged: [judged("warn"), judged("audit", { code: "MADE-UP-TOO" }, other)] });
    expect(auditAnnotations).toEqual({
      policies: "a-policy,another-policy",
      rules: "made-up",
      codes: "MADE-UP,MADE-UP-TOO",
      effects: "warn,audit",
    });
  });

  it("F-78: have values of at most 256 characters and keys that the API server takes", () => {
    const { auditAnnotations } = answer({
      judged: several(100, (index) => judged("audit", {}, { ...POLICY, name: `policy-${index}` })),
    });
    expect(auditAnnotations?.policies).toMatch(/^policy-0,policy-1,.*…$/);
  });

  it("are left out where nothing was found", () => {
    expect(answer({})).not.toHaveProperty("auditAnnotations");
  });
});
