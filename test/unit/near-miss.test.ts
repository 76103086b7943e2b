import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nearMiss } from "../../src/kube/near-miss.ts";

describe("the near miss of a text", () => {
  it.each<[string, string, readonly string[], string | undefined]>([
    ["is another case of it", "FAIL", ["Fail", "Ignore"], "Fail"],
    ["is one letter away", "failurPolicy", ["failurePolicy"], "failurePolicy"],
    ["is two letters away", "validatonAction", ["validationActions"], "validationActions"],
    ["is not three letters away", "validtonAction", ["validationActions"], undefined],
    ["is the nearest of several", "pods", ["nodes", "pod", "jobs"], "pod"],
    ["is the first of several that are equally near", "cat", ["bat", "hat"], "bat"],
    ["is found behind one that is farther", "message", ["massages", "messages"], "messages"],
    ["is never another word altogether", "app", ["tier"], undefined],
    ["is not half of a short text", "ab", ["xy"], undefined],
    ["of one letter is another case of it only", "x", ["y", "X"], "X"],
    ["of nothing is nothing", "", ["a"], undefined],
    ["is nothing where there is nothing to choose from", "app", [], undefined],
  ])("%s: %j among %j", (_name, text, candidates, expected) => {
    expect(nearMiss(text, candidates)).toBe(expected);
  });

  it("is as near as counting every edit says", () => {
    const distance = (a: string, b: string): number =>
      a === "" || b === ""
        ? a.length + b.length
        : Math.min(
            distance(a.slice(1), b) + 1,
            distance(a, b.slice(1)) + 1,
            distance(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
          );
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 4, maxLength: 7 });
    fc.assert(
      fc.property(word, word, (text, candidate) => {
        expect(nearMiss(text, [candidate])).toBe(distance(text, candidate) <= 2 ? candidate : undefined);
      }),
    );
  });

  it("of what is longer than any name is not looked for", () => {
    const long = "x".repeat(253);
    expect(nearMiss(`${long.slice(1)}y`, [long])).toBe(long);
    expect(nearMiss(`${long}y`, [long])).toBeUndefined();
  });

  it("is the text itself where it is a candidate", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), fc.nat(), (candidates, index) => {
        const text = candidates[index % candidates.length] ?? "";
        expect(nearMiss(text, candidates)?.toLowerCase()).toBe(text.toLowerCase());
      }),
    );
  });
});
