import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { entryOf } from "../../src/policy/policy.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";

const RULE = ruleThatFinds();

function entry(spec: object, phase: "mutate" | "validate" = "validate"): string {
  return entryOf(phase, policyOf(RULE, spec));
}

const gold = { matchLabels: { tier: "gold" } };

describe("the entry of a policy", () => {
  it("is the default one without selectors and with the default failurePolicy", () => {
    expect(entry({})).toBe("");
    expect(entry({ failurePolicy: "Fail" })).toBe("");
    expect(entry({}, "mutate")).toBe("");
  });

  it("doesn't depend on what the server matches itself", () => {
    expect(
      entry({
        match: { resources: ["pods"], operations: ["CREATE"], namespaces: { include: ["shop"] } },
        validationActions: ["Audit"],
        params: { colour: "red" },
      }),
    ).toBe("");
  });

  it("is 8 hex digits of the SHA-256 of failurePolicy and selectors", () => {
    const key = '{"failurePolicy":"Ignore","namespaceSelector":{"matchLabels":{"tier":"gold"}}}';
    const expected = createHash("sha256").update(key).digest("hex").slice(0, 8);
    expect(entry({ failurePolicy: "Ignore", match: { namespaceSelector: gold } })).toBe(expected);
  });

  it("never changes, since a rollout has old and new servers side by side", () => {
    expect(entry({ failurePolicy: "Ignore" })).toBe("5297f334");
    expect(entry({ match: { objectSelector: gold } })).toBe("e40e613b");
  });

  it("is another for each failurePolicy and each selector", () => {
    const entries = [
      entry({}),
      entry({ failurePolicy: "Ignore" }),
      entry({ match: { namespaceSelector: gold } }),
      entry({ match: { objectSelector: gold } }),
      entry({ match: { namespaceSelector: gold, objectSelector: gold } }),
      entry({ match: { namespaceSelector: { matchLabels: { tier: "silver" } } } }),
      entry({ failurePolicy: "Ignore", match: { namespaceSelector: gold } }),
    ];
    expect(new Set(entries).size).toBe(entries.length);
  });

  it("is one for one selector, in whatever order its fields are written", () => {
    const one = {
      matchLabels: { a: "1", b: "2" },
      matchExpressions: [{ key: "c", operator: "In", values: ["x"] }],
    };
    const other = {
      matchExpressions: [{ values: ["x"], operator: "In", key: "c" }],
      matchLabels: { b: "2", a: "1" },
    };
    expect(entry({ match: { objectSelector: one } })).toBe(entry({ match: { objectSelector: other } }));
  });

  it("of a mutating webhook is one for both failurePolicies, always Ignore", () => {
    expect(entry({ failurePolicy: "Ignore" }, "mutate")).toBe("");
    expect(entry({ failurePolicy: "Fail", match: { objectSelector: gold } }, "mutate")).toBe(
      entry({ failurePolicy: "Ignore", match: { objectSelector: gold } }, "mutate"),
    );
  });
});
