/** PolicyIndex.selecting: the policies of all entries, by labels that are given in place of an API server that matches them. */
import { describe, expect, it } from "vitest";
import { entryOf, type Policy } from "../../src/policy/policy.ts";
import { indexPolicies, type PolicyQuery, type SelectedLabels } from "../../src/policy/policy-index.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";

const RULE = ruleThatFinds();
const NO_LABELS: SelectedLabels = { namespace: {}, object: {} };
const CREATION = {
  phase: "validate",
  operation: "CREATE",
  resource: "pods",
  namespace: "shop",
  requester: { username: "alice", groups: [] },
} as const satisfies Omit<PolicyQuery, "entry">;

function policy(name: string, spec: object = {}): Policy {
  return policyOf(RULE, spec, name);
}

function selected(
  policies: readonly Policy[],
  labels: Partial<SelectedLabels> = {},
  query: Partial<Omit<PolicyQuery, "entry">> = {},
): readonly string[] {
  return indexPolicies(policies)
    .selecting({ ...CREATION, ...query }, { ...NO_LABELS, ...labels })
    .map(({ name }) => name);
}

const GOLD = { matchLabels: { tier: "gold" } };
const UNTIERED = { matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] };
const ALL = [
  policy("open", { failurePolicy: "Ignore" }),
  policy("plain"),
  policy("in-gold", { match: { namespaceSelector: GOLD } }),
  policy("of-gold", { match: { objectSelector: GOLD } }),
  policy("of-gold-in-gold", { match: { namespaceSelector: GOLD, objectSelector: GOLD } }),
  policy("not-tiered", { match: { objectSelector: UNTIERED } }),
];
const gold = { tier: "gold" };

describe("the policies of all entries are asked", () => {
  it.each<[string, Partial<SelectedLabels>, readonly string[]]>([
    ["without labels", {}, ["open", "plain", "not-tiered"]],
    ["with a label of the namespace", { namespace: gold }, ["open", "plain", "in-gold", "not-tiered"]],
    ["with a label of the object", { object: gold }, ["open", "plain", "of-gold"]],
    ["with both", { namespace: gold, object: gold }, ["open", "plain", "in-gold", "of-gold", "of-gold-in-gold"]],
    ["with another value", { namespace: { tier: "tin" }, object: { tier: "tin" } }, ["open", "plain"]],
  ])("where their selectors match, %s", (_name, labels, expected) => {
    expect(selected(ALL, labels)).toEqual(expected);
    expect(selected(ALL, labels, { phase: "mutate", operation: "UPDATE" })).toEqual(expected);
  });

  it("as by the entries, which the API server chooses by the same labels", () => {
    const index = indexPolicies(ALL);
    const entries = [...new Set(ALL.map((one) => entryOf("validate", one)))];
    const byEntries = entries.flatMap((entry) => index.matching({ ...CREATION, entry }));
    expect(byEntries.map(({ name }) => name).toSorted()).toEqual(ALL.map(({ name }) => name).toSorted());
    expect(new Set(entries).size).toBe(ALL.length);
  });

  it("by labels that somebody has set, not by what every JavaScript object has", () => {
    const match = { objectSelector: { matchExpressions: [{ key: "toString", operator: "Exists" }] } };
    expect(selected([policy("a", { match })])).toEqual([]);
    expect(selected([policy("a", { match })], { object: { toString: "" } })).toEqual(["a"]);
  });

  it("once each, though several of their rules are about the request", () => {
    const resources = [
      { group: "", version: "v1", resources: ["pods"], operations: ["CREATE"] },
      { group: "", version: "v2", resources: ["pods"], operations: ["CREATE"] },
    ] as const;
    expect(selected([policyOf({ ...RULE, resources })])).toEqual(["a-policy"]);
  });
});

describe("no policy is asked", () => {
  it.each<[string, object, Partial<Omit<PolicyQuery, "entry">>]>([
    ["about another resource", {}, { resource: "services" }],
    ["about a resource of that name in another group", {}, { resource: "pods.example.org" }],
    ["about an operation that it leaves out", { match: { operations: ["UPDATE"] } }, {}],
    ["about a namespace that it leaves out", { match: { namespaces: { exclude: ["sh*"] } } }, {}],
    ["about a user whom it leaves out", { match: { subjects: { exclude: [{ kind: "User", name: "alice" }] } } }, {}],
    ["to mutate where it doesn't", { mutate: false }, { phase: "mutate" }],
  ])("%s", (_name, spec, query) => {
    expect(selected([policy("a", spec)], {}, query)).toEqual([]);
  });

  it("control: it is asked about the rest", () => {
    expect(selected([policy("a", { match: { operations: ["CREATE"] }, mutate: false })])).toEqual(["a"]);
  });
});
