import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { parseCpuList } from "../bench/cores.ts";
import { createAnswerCheck } from "../bench/expected.ts";
import { median, medianRatio, quantile } from "../bench/figures.ts";
import { readOptions } from "../bench/options.ts";
import { formatMarkdown, formatText, replaceFigures } from "../bench/report.ts";
import { isFarOff, standingOf, TARGETS } from "../bench/targets.ts";
import { sumOf } from "../bench/through-api-server.ts";

describe("quantile", () => {
  test.each([
    [[5], 0.5, 5],
    [[1, 2, 3, 4], 0.5, 2],
    [[1, 2, 3], 0.5, 2],
    [[1, 2, 3], 0, 1],
    [[1, 2, 3], 1, 3],
    [Array.from({ length: 1000 }, (_, index) => index + 1), 0.999, 999],
    [[], 0.5, Number.NaN],
  ])("of %j at %d is %d", (sorted, share, expected) => {
    expect(quantile(sorted, share)).toBe(expected);
  });

  it("is the smallest value that so many do not exceed", () => {
    const values = fc.array(fc.integer(), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (unsorted, share) => {
        const sorted = unsorted.sort((a, b) => a - b);
        const found = quantile(sorted, share);
        const shareUpTo = (limit: number) => sorted.filter((value) => value <= limit).length / sorted.length;
        expect(shareUpTo(found)).toBeGreaterThanOrEqual(share);
        for (const smaller of sorted.filter((value) => value < found)) expect(shareUpTo(smaller)).toBeLessThan(share);
      }),
    );
  });
});

test("the median of an even number of values is between the middle two, and the values stay in order", () => {
  const values = [9, 1, 5, 2];
  expect(median(values)).toBe(3.5);
  expect(values).toEqual([9, 1, 5, 2]);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([])).toBeNaN();
});

test("a ratio is made within its round: what slows a whole round down falls out", () => {
  expect(medianRatio([2, 20, 200], [1, 10, 100])).toBe(2);
  expect(medianRatio([2, 30, 5], [1, 10, 5])).toBe(2);
  expect(() => medianRatio([1], [1, 2])).toThrow("as many rounds");
});

describe("a target", () => {
  test.each([
    ["cost", 1.2, 1.2, "met"],
    ["cost", 1.2, 1.21, "missed"],
    ["cost", 1.2, 2.4, "missed"],
    ["cost", 1.2, 2.41, "far off"],
    ["yield", 0.8, 0.8, "met"],
    ["yield", 0.8, 1.5, "met"],
    ["yield", 0.8, 0.79, "missed"],
    ["yield", 0.8, 0.4, "missed"],
    ["yield", 0.8, 0.39, "far off"],
    ["yield", 0.8, 0, "far off"],
    ["cost", 1.2, Number.NaN, "far off"],
    ["yield", 0.8, Number.NaN, "far off"],
  ] as const)("of a %s, %d: %d is %s", (kind, target, value, standing) => {
    expect(standingOf({ kind, target }, value)).toBe(standing);
  });

  it("is held against the best rounds to be found far off: noise makes a round worse, never better", () => {
    const [cost, gain] = [{ kind: "cost", target: 1 } as const, { kind: "yield", target: 1 } as const];
    expect(isFarOff(cost, { own: [90, 30], baseline: [10, 40] })).toBe(true);
    expect(isFarOff(cost, { own: [90, 19], baseline: [10, 40] })).toBe(false);
    expect(isFarOff(gain, { own: [1, 4], baseline: [10, 2] })).toBe(true);
    expect(isFarOff(gain, { own: [1, 6], baseline: [10, 2] })).toBe(false);
    // No figure is no reason to be content.
    expect(isFarOff(cost, { own: [], baseline: [] })).toBe(true);
  });

  it("has no figure where nothing was measured", () => {
    expect(TARGETS.map((target) => target.measure({ scenarios: new Map() }))).toEqual(TARGETS.map(() => undefined));
  });
});

describe("an answer", () => {
  const encode = (response: unknown) => Buffer.from(JSON.stringify({ response }));
  const patchOf = (text: string) => Buffer.from(text).toString("base64");

  function problemsWith(isStatus200: boolean, body: Buffer, expected = {}): readonly string[] {
    const problems: string[] = [];
    createAnswerCheck({ uid: "u", allowed: true, ...expected }, (problem) => problems.push(problem))(isStatus200, body);
    return problems;
  }

  it("is right when it says what is expected", () => {
    expect(problemsWith(true, encode({ uid: "u", allowed: true }))).toEqual([]);
    expect(problemsWith(true, encode({ uid: "u", allowed: false }), { allowed: false })).toEqual([]);
    const patched = encode({ uid: "u", allowed: true, patch: patchOf('[{"value":"data,logs"}]') });
    expect(problemsWith(true, patched, { patched: "data,logs" })).toEqual([]);
  });

  test.each([
    ["another status", false, encode({ uid: "u", allowed: true }), {}, "the status is not 200"],
    ["another uid", true, encode({ uid: "v", allowed: true }), {}, "the uid is not the request's"],
    ["another verdict", true, encode({ uid: "u", allowed: false }), {}, "allowed is not true"],
    ["no verdict", true, encode(undefined), {}, "the uid is not the request's"],
    ["no JSON", true, Buffer.from("<html>"), {}, "the body is not JSON"],
    ["a patch", true, encode({ uid: "u", allowed: true, patch: patchOf("[]") }), {}, "there is a patch"],
    ["no patch", true, encode({ uid: "u", allowed: true }), { patched: "x" }, "the patch does not contain x"],
  ])("is wrong with %s", (_, isStatus200, body, expected, problem) => {
    expect(problemsWith(isStatus200, body, expected)).toEqual([problem]);
  });

  it("is judged again when it differs from the last good one, each time that it does", () => {
    const problems: string[] = [];
    const check = createAnswerCheck({ uid: "u", allowed: true }, (problem) => problems.push(problem));
    const [good, bad] = [encode({ uid: "u", allowed: true }), encode({ uid: "v", allowed: true })];
    // The caller may read the next one into the same buffer.
    const reused = Buffer.from(good);
    check(true, reused);
    bad.copy(reused);
    check(true, reused);
    for (const body of [good, bad, good]) check(true, body);
    check(false, good);
    const uid = "the uid is not the request's";
    expect(problems).toEqual([uid, uid, "the status is not 200"]);
  });
});

test("a list of CPUs is numbers and ranges", () => {
  expect(parseCpuList("0-2,5")).toEqual([0, 1, 2, 5]);
  expect(parseCpuList("3")).toEqual([3]);
  expect(parseCpuList(undefined)).toEqual([]);
});

test("samples of a metric are added up where they have the labels, and no other metric's are", () => {
  const metrics = [
    "# TYPE calls_total counter",
    'calls_total{code="200",name="a"} 3',
    'calls_total{code="200",name="b"} 5',
    'calls_total{code="500",name="a"} 7',
    'calls_total_more{code="200",name="a"} 11',
  ].join("\n");
  expect(sumOf(metrics, "calls_total", ['name="a"'])).toBe(10);
  expect(sumOf(metrics, "calls_total", ['name="a"', 'code="200"'])).toBe(3);
  expect(sumOf(metrics, "calls_total", ['name="c"'])).toBe(0);
});

describe("a table", () => {
  const table = {
    title: "title",
    header: ["", "ms"],
    rows: [
      ["one", "1"],
      ["two", "1000"],
    ],
  };

  it("is aligned as text, figures to the right", () => {
    expect(formatText(table)).toBe("\ntitle\n         ms\n  one     1\n  two  1000\n");
  });

  it("is a Markdown table", () => {
    expect(formatMarkdown(table)).toBe("**title**\n\n|  | ms |\n| --- | ---: |\n| one | 1 |\n| two | 1000 |\n");
  });

  it("takes the place of the figures that a page has, and of nothing else", () => {
    const page = "before\n<!-- figures: npm run bench -- --docs -->\nold\n<!-- end of the figures -->\nafter\n";
    const replaced = replaceFigures(page, "new\n");
    expect(replaced).toBe(page.replace("\nold\n", "\n\nnew\n\n"));
    expect(replaceFigures(replaced, "new\n")).toBe(replaced);
    expect(() => replaceFigures("before\nafter\n", "new\n")).toThrow("no place for figures");
  });
});

describe("the options", () => {
  it("leave what the short form can't hold out of it", () => {
    expect(readOptions(["--short"]).parts).not.toContain("api-server");
    expect(readOptions([]).parts).toContain("api-server");
    expect(readOptions(["--only", "mutate", "--only", "validate"]).parts).toEqual(["validate", "mutate"]);
  });

  it("override the pace of the form", () => {
    expect(readOptions(["--rounds", "9"]).pace).toEqual({ ...readOptions([]).pace, rounds: 9 });
    expect(readOptions(["--short"]).pace.seconds).toBeLessThan(readOptions([]).pace.seconds);
  });

  test.each([
    ["a part that there isn't", ["--only", "validated"], "no such part: validated"],
    ["no number", ["--rounds", "many"], "--rounds wants a number above 0"],
    ["no rounds", ["--rounds", "0"], "--rounds wants a number above 0"],
    ["some of the figures for the page", ["--docs", "--short"], "--docs wants all of the figures"],
    ["an option that there isn't", ["--sort"], "Unknown option"],
  ])("refuse %s", (_, args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});
