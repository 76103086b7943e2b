import { expect, it } from "vitest";
import { createTally } from "../../src/telemetry/tally.ts";

function drained(tally: ReturnType<typeof createTally>) {
  const counts: [string, number][] = [];
  tally.drain((values, count) => counts.push([values.join(" "), count]));
  return counts;
}

it("counts by all values, and hands over each count once", () => {
  const tally = createTally();
  tally.add("a", "b", "c");
  tally.add("a", "b", "d");
  tally.add("a", "b", "c");
  tally.add("", "b", "c");
  expect(drained(tally)).toEqual([
    ["a b c", 2],
    ["a b d", 1],
    [" b c", 1],
  ]);
  expect(drained(tally)).toEqual([]);
  tally.add("a", "b", "d");
  expect(drained(tally)).toEqual([["a b d", 1]]);
});
