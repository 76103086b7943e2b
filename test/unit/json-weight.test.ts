import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { weighJson } from "../../src/admission/json-weight.ts";

const weigh = (value: unknown) => weighJson(Buffer.from(JSON.stringify(value)), Number.POSITIVE_INFINITY);

describe("the weight of JSON", () => {
  it.each([
    ["an empty object", {}, 64],
    ["an empty list", [], 40],
    ["values in a list", [1, 2, 3], 40 + 2 * 8],
    ["a field", { a: 1 }, 64 + 24 + 8],
    ["a string, whatever is in it", "{[,:{[,:", 24],
    ["a string with quotes and backslashes", `"\\"{`.repeat(100), 24],
    ["a string with a backslash at its end", ["\\".repeat(101), {}], 40 + 24 + 8 + 64],
    ["a few keys", [{ a: 1 }, { b: 2 }], 40 + 2 * (64 + 24 + 8) + 8],
  ])("%s", (_, value, weight) => {
    expect(weigh(value)).toBe(weight);
  });

  it("of many keys in one object is that of a table", () => {
    const many = Object.fromEntries(Array.from({ length: 164 }, (_, index) => [`k${index}`, index]));
    expect(weigh(many)).toBe(64 + 164 * (24 + 8) + 163 * 8 + 100 * 80);
  });

  it("does not depend on the text of strings", () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom("\\", '"', "{", "a", "\n", "é"), maxLength: 200 }));
    fc.assert(
      fc.property(texts, (list) => {
        expect(weigh(list)).toBe(weigh(list.map(() => "")));
      }),
    );
  });

  it("is not looked for beyond the limit, nor beyond a string without an end", () => {
    expect(weighJson(Buffer.from("[".repeat(1000)), 100)).toBe(120);
    expect(weighJson(Buffer.from(`"${"x".repeat(1000)}`), 100)).toBe(24);
    expect(weighJson(Buffer.from('"\\'), 100)).toBe(24);
  });
});
