/** YAML that is no tree of values, or more work than it looks: told with its place, and soon. */
import { describe, expect, it } from "vitest";
import { parseDocuments } from "../../src/policy/document.ts";

function problemsOf(text: string): readonly string[] {
  return parseDocuments("a.yaml", text).problems.map(({ position, message }) => `${position}: ${message}`);
}

describe("a document is refused", () => {
  it.each<[string, string, string]>([
    ["a key twice", "a: 1\nb: 2\na: 3\n", "a.yaml:3:1: Map keys must be unique"],
    ["a key twice, in quotes once", 'spec:\n  a: 1\n  "a": 2\n', "a.yaml:3:3: Map keys must be unique"],
    ["an alias of what it is in", "a: &a [*a]\n", "a.yaml:1:8: *a stands for something that it is in"],
    ["the same further up", "a: &a\n  b:\n    c: *a\n", "a.yaml:3:8: *a stands for something that it is in"],
  ])("with %s", (_name, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
    expect(parseDocuments("a.yaml", text).documents).toEqual([]);
  });

  it("with more aliases than a person writes", () => {
    const text = (count: number) => `a: &a x\nb:\n${"- *a\n".repeat(count)}`;
    expect(problemsOf(text(90))).toEqual([]);
    expect(problemsOf(text(101))).toEqual([
      "a.yaml:103:3: there are more than 100 aliases in this document; write out what they stand for",
    ]);
  });

  it("with brackets that never end", () => {
    expect(problemsOf("[".repeat(50_000)).length).toBeGreaterThan(0);
  });
});

it("keys of different types are different", () => {
  expect(problemsOf('1: a\n"1": b\n')).toEqual([]);
});

it("many keys are no more work than as many lines", () => {
  const text = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1\n`).join("");
  const start = process.cpuUsage();
  expect(problemsOf(text)).toEqual([]);
  const { user } = process.cpuUsage(start);
  // Compared each with all, they take minutes.
  expect(user / 1e6).toBeLessThan(10);
});
