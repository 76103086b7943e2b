import { describe, expect, it } from "vitest";
import { parseGoDuration } from "../../src/kube/go-duration.ts";

describe("a duration as Go reads it", () => {
  it.each<[string, number]>([
    ["0", 0],
    ["0s", 0],
    ["30s", 30e9],
    ["1h30m", 5400e9],
    ["1.5h", 5400e9],
    [".5s", 0.5e9],
    ["1.s", 1e9],
    ["100ms", 1e8],
    ["7us", 7e3],
    ["7\u00b5s", 7e3],
    ["7\u03bcs", 7e3],
    ["3ns", 3],
    ["-1m", -60e9],
    ["+1m", 60e9],
    ["1s1s", 2e9],
    ["2540400h", 2540400 * 3600e9],
  ])("%s is %d ns", (text, expected) => {
    expect(parseGoDuration(text)).toBe(expected);
  });

  it.each([
    "",
    "30",
    "s",
    "1d",
    "1 s",
    " 1s",
    "1s ",
    "1h-30m",
    "--1s",
    "1S",
    ".s",
    "1e3s",
    "1,5s",
    "2562048h",
    "+",
    "-",
  ])("%j is none", (text) => {
    expect(parseGoDuration(text)).toBeUndefined();
  });
});
