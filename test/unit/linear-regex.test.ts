import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLinearRegex } from "../../src/kube/linear-regex.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { casesOf } from "../support/cases.ts";
import { evaluateCase } from "../support/evaluate-case.ts";

const HOSTILE = "^(a+)+$";

function compile(source: string) {
  const outcome = compileLinearRegex(source);
  if ("problem" in outcome) throw new Error(outcome.problem);
  return outcome.regex;
}

function problemOf(source: string): string | undefined {
  const outcome = compileLinearRegex(source);
  return "problem" in outcome ? outcome.problem : undefined;
}

describe("a pattern of a policy", () => {
  it.each<[string, string, boolean]>([
    ["[a-z]+", "web", true],
    ["[a-z]+", "web1", false],
    ["^[a-z]+$", "web", true],
    ["a|b", "b", true],
    ["a|b", "ab", false],
    ["a)|(b", "a", false],
    ["", "", true],
    ["", "a", false],
    [".*", "two\nlines", false],
  ])("has to match the whole value: %j, %j, %s", (source, subject, expected) => {
    if (problemOf(source)) expect(expected).toBe(false);
    else expect(compile(source).matches(subject)).toBe(expected);
  });

  it("F-87: that would keep a native RegExp busy for years is answered", () => {
    expect(compile("(a+)+").matches(`${"a".repeat(4000)}b`)).toBe(false);
    expect(compile("(a|a)*b").matches("a".repeat(4000))).toBe(false);
  });

  it.each<[string, Rule, object]>([
    ["required-labels", requiredLabels, { labels: [{ anyOf: ["app"], allowedRegex: HOSTILE }] }],
    ["ingress-bucket", ingressBucket, { bucketPattern: HOSTILE }],
  ])("F-87: is linear in the params of %s, too", (_id, rule, params) => {
    const [entry] = casesOf(rule);
    if (!entry) throw new Error("the rule has cases");
    const value = `${"a".repeat(27)}-b`;
    const labels = { app: value, bucket: value };
    const object = { ...entry.object, metadata: { ...entry.object.metadata, labels } };
    const startMs = performance.now();
    const { violations } = evaluateCase(rule, { ...entry, params, object });
    // A native RegExp takes about 19 s.
    expect(performance.now() - startMs).toBeLessThan(1000);
    expect(violations.map(({ message }) => message).join()).toContain(HOSTILE);
  });

  it("never matches a value that is too long to be one", () => {
    expect(compile("a*").matches("a".repeat(4096))).toBe(true);
    expect(compile("a*").matches("a".repeat(4097))).toBe(false);
  });

  it("keeps its source, for messages", () => {
    expect(compile("^[a-z]+$").source).toBe("^[a-z]+$");
  });

  it("matches what a native one matches", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "|", "(", ")"), maxLength: 8 });
    const subject = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 6 });
    fc.assert(
      fc.property(pattern, subject, (source, text) => {
        const outcome = compileLinearRegex(source);
        if ("regex" in outcome) expect(outcome.regex.matches(text)).toBe(new RegExp(`^(?:${source})$`).test(text));
      }),
      { numRuns: 500 },
    );
  });
});

describe("a pattern that can't be used", () => {
  it.each<[string, string, RegExp]>([
    ["with a group that is open", "(a", /^not a pattern of RE2: /],
    ["that looks ahead", "(?=a)b", /^not a pattern of RE2: /],
    ["that refers back", "(a)\\1", /^not a pattern of RE2: /],
    ["that is too long", "a".repeat(1025), /^the pattern is 1025 characters long, above the limit of 1024$/],
    ["that repeats too much", "((a{100}){100})", /^(not a pattern of RE2|the pattern is too large)/],
    ["that is too large when written out", "(abcdefghij){300}", /^the pattern is too large/],
  ])("is a problem in words, never an exception: %s", (_name, source, expected) => {
    expect(problemOf(source)).toMatch(expected);
  });
});
