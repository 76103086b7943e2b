import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesGlob } from "../../src/kube/glob.ts";

describe("a glob", () => {
  it.each<[string, string, boolean]>([
    ["team-a", "team-a", true],
    ["team-a", "team-ab", false],
    ["team-*", "team-", true],
    ["team-*", "team-a", true],
    ["team-*", "steam-a", false],
    ["*-dev", "team-dev", true],
    ["*-dev", "team-develop", false],
    ["*", "", true],
    ["*", "anything", true],
    ["**", "anything", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "acb", false],
    ["a*b*b", "ab", false],
    ["a.c", "abc", false],
    ["team-?", "team-a", false],
    ["[ab]", "a", false],
    ["", "", true],
    ["", "a", false],
  ])("%j matches %j: %s", (pattern, name, expected) => {
    expect(matchesGlob(pattern, name)).toBe(expected);
  });

  it("matches what the regular expression of the same meaning matches", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, name, (glob, text) => {
        expect(matchesGlob(glob, text)).toBe(new RegExp(`^${glob.replaceAll("*", ".*")}$`).test(text));
      }),
      { numRuns: 5000 },
    );
  });

  it("of many stars answers about a long name that all but matches", () => {
    expect(matchesGlob("*a".repeat(100), `${"a".repeat(10_000)}b`)).toBe(false);
  });
});
