/** registrationHash: whether two sets of policies ask for the same webhooks. What the server says of it: registration-note.test.ts. */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadPolicies } from "../../src/policy/load.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { policyHash } from "../../src/policy/policy-hash.ts";
import { registrationHash } from "../../src/registration/desired.ts";
import { rules } from "../../src/rules/index.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, verdictOf } from "../support/policies.ts";

const SHIPPED = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
const RULE = ruleThatFilters(({ params }) => JSON.stringify(params));
const FIRST = policyOf(RULE, {}, "first");

function ruleThatFilters(prefilter: Rule["prefilter"]): Rule {
  return ruleOf(() => verdictOf(), prefilter ? { prefilter } : {});
}

/** Of a policy beside another one that stays. */
function hashOf(spec: object, rule = RULE): string {
  return registrationHash([FIRST, policyOf(rule, spec, "second")]);
}

const PLAIN = hashOf({});

test("a hash is 12 hex digits, the same each time", () => {
  const [one, two] = [loadPolicies(SHIPPED, rules), loadPolicies(SHIPPED, rules)];
  expect(registrationHash(one)).toMatch(/^[0-9a-f]{12}$/);
  expect(registrationHash(two)).toBe(registrationHash(one));
});

describe("the hash changes with", () => {
  const gold = { matchLabels: { tier: "gold" } };
  test.each<[string, object]>([
    ["a selector of namespaces", { match: { namespaceSelector: gold } }],
    ["a selector of objects", { match: { objectSelector: gold } }],
    ["failurePolicy", { failurePolicy: "Ignore" }],
    ["params that make another prefilter", { params: { a: 1 } }],
  ])("%s", (_, spec) => {
    expect(hashOf(spec)).not.toBe(PLAIN);
  });

  test.each<[string, object]>([
    ["resources", { match: { resources: ["pods"] } }],
    ["operations", { match: { operations: ["CREATE"] } }],
    ["whether anything is patched", { mutate: false }],
  ])("%s, when no other policy asks for more", (_, spec) => {
    const silent = ruleThatFilters(undefined);
    expect(registrationHash([policyOf(silent, spec)])).not.toBe(registrationHash([policyOf(silent)]));
  });

  test("a prefilter in one phase alone, and with its end", () => {
    const hashes = [
      PLAIN,
      ...(["mutate", "validate"] as const).map((own) =>
        hashOf(
          {},
          ruleThatFilters(({ phase }) => (phase === own ? "other" : "{}")),
        ),
      ),
      hashOf({}, ruleThatFilters(undefined)),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe("the hash does not change with what the API server is not told:", () => {
  const exception = { namespaces: ["shop"], until: "2027-01-31", reason: "OPS-1" };
  test.each<[string, object]>([
    ["the message", { message: "Ask us" }],
    ["an exception", { exceptions: [exception] }],
    ["validationActions", { validationActions: ["Warn"] }],
    ["severities", { severities: { "MADE-UP": "off" } }],
    ["names of namespaces", { match: { namespaces: { exclude: ["a"] } } }],
    ["subjects", { match: { subjects: { exclude: [{ kind: "User", name: "alice" }] } } }],
    ["trusted controllers", { trustedControllers: ["system:serviceaccount:a:b"] }],
    ["less of what another policy asks for, too", { match: { resources: ["pods"], operations: ["CREATE"] } }],
  ])("%s", (_, spec) => {
    const [before, after] = [policyOf(RULE, {}, "second"), policyOf(RULE, spec, "second")];
    expect(policyHash([FIRST, after])).not.toBe(policyHash([FIRST, before]));
    expect(hashOf(spec)).toBe(PLAIN);
  });

  test("names of policies", () => {
    expect(registrationHash([FIRST])).toBe(registrationHash([policyOf(RULE, {}, "another")]));
  });

  test("one that asks for what is asked for already", () => {
    expect(PLAIN).toBe(registrationHash([FIRST]));
  });
});

describe("the hash does not change with the order", () => {
  test("of the shipped policies", () => {
    const policies = loadPolicies(SHIPPED, rules);
    expect(registrationHash(policies.toReversed())).toBe(registrationHash(policies));
  });

  test("of policies that have a prefilter each", () => {
    const policies: readonly Policy[] = ["b", "a", "c"].map((name) => policyOf(RULE, { params: { name } }, name));
    expect(registrationHash(policies.toReversed())).toBe(registrationHash(policies));
  });

  test("of the keys in a selector", () => {
    const [one, two] = [
      { a: "1", b: "2" },
      { b: "2", a: "1" },
    ].map((matchLabels) => hashOf({ match: { objectSelector: { matchLabels } } }));
    expect(one).toBe(two);
  });
});
