import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadPolicies } from "../../src/policy/load.ts";
import { policyHash } from "../../src/policy/policy-hash.ts";
import { rules } from "../../src/rules/index.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { directoryOf } from "../support/policy-directory.ts";

const SHIPPED = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
const RULE = ruleThatFinds();
const PLAIN = policyHash([policyOf(RULE)]);

function hashOf(spec: object): string {
  return policyHash([policyOf(RULE, spec)]);
}

test("a hash is 12 hex digits, the same each time", () => {
  const [one, two] = [loadPolicies(SHIPPED, rules), loadPolicies(SHIPPED, rules)];
  expect(policyHash(one)).toMatch(/^[0-9a-f]{12}$/);
  expect(policyHash(two)).toBe(policyHash(one));
});

describe("the hash does not change with", () => {
  test("the order of files", () => {
    const policies = loadPolicies(SHIPPED, rules);
    expect(policyHash(policies.toReversed())).toBe(policyHash(policies));
  });

  test("comments, file names and layout", () => {
    const files = readdirSync(SHIPPED).filter((name) => name.endsWith(".yaml"));
    const texts = files.map((name) => `# a comment\n${readFileSync(join(SHIPPED, name), "utf8")}\n`);
    const moved = directoryOf({ "all.yaml": texts.join("---\n") });
    expect(policyHash(loadPolicies(moved, rules))).toBe(policyHash(loadPolicies(SHIPPED, rules)));
  });

  test("the order of keys, or a default that is written out", () => {
    expect(hashOf({ params: { a: 1, b: 2 } })).toBe(hashOf({ params: { b: 2, a: 1 } }));
    expect(hashOf({ failurePolicy: "Fail", validationActions: ["Deny"] })).toBe(PLAIN);
  });
});

describe("the hash changes with", () => {
  test.each<[string, object]>([
    ["params", { params: { pattern: "a" } }],
    ["operations", { match: { operations: ["CREATE"] } }],
    ["namespaces", { match: { namespaces: { exclude: ["a"] } } }],
    ["a selector", { match: { objectSelector: { matchLabels: { a: "b" } } } }],
    ["failurePolicy", { failurePolicy: "Ignore" }],
    ["validationActions", { validationActions: ["Warn"] }],
    ["severities", { severities: { "MADE-UP": "off" } }],
    ["mutate", { mutate: false }],
    ["the message", { message: "Ask us" }],
    ["trusted controllers", { trustedControllers: ["system:serviceaccount:a:b"] }],
  ])("%s", (_, spec) => {
    expect(hashOf(spec)).not.toBe(PLAIN);
  });

  test("the name, a policy more, the rule, and what the rule asks to see", () => {
    const policy = policyOf(RULE);
    const resources = [{ group: "", version: "v1", resources: ["pods"], operations: ["CREATE"] }] as const;
    const others = [
      [policyOf(RULE, {}, "another")],
      [policy, policyOf(RULE, {}, "another")],
      [policyOf({ ...RULE, id: "another-rule" })],
      [policyOf({ ...RULE, resources })],
    ].map(policyHash);
    expect(new Set([PLAIN, ...others]).size).toBe(others.length + 1);
  });

  test("a pattern that is compiled to a function", () => {
    const policy = (pattern: string) =>
      `{apiVersion: portcullis.dev/v1alpha1, kind: Policy, metadata: {name: a}, spec: {rule: ingress-bucket, params: {bucketPattern: ${pattern}}}}`;
    const hash = (pattern: string) => policyHash(loadPolicies(directoryOf({ "a.yaml": policy(pattern) }), rules));
    expect(hash("a+")).not.toBe(hash("b+"));
  });
});
