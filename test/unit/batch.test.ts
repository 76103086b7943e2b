/** Calls that arrive in one turn of the event loop: all are judged before the first is answered. */
import { describe, expect, it } from "vitest";
import { createBatch } from "../../src/server/batch.ts";
import { BATCH_BYTES, BATCH_CALLS } from "../../src/server/limits.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

function recorded() {
  const batch = createBatch();
  const steps: string[] = [];
  const add = (name: string, byteCount = 1) =>
    batch.add({ byteCount, judge: () => steps.push(`judge ${name}`), send: () => steps.push(`send ${name}`) });
  return { steps, add };
}

describe("calls of one turn", () => {
  it("are judged together and then answered together, in their order", async () => {
    const { steps, add } = recorded();
    add("a");
    add("b");
    expect(steps).toEqual([]);
    await turn();
    expect(steps).toEqual(["judge a", "judge b", "send a", "send b"]);
  });

  it("don't wait for those of the next", async () => {
    const { steps, add } = recorded();
    add("a");
    await turn();
    add("b");
    await turn();
    expect(steps).toEqual(["judge a", "send a", "judge b", "send b"]);
  });

  it("are answered at once when there are enough of them, and once each", async () => {
    const { steps, add } = recorded();
    for (let index = 0; index < BATCH_CALLS; index++) add(`${index}`);
    expect(steps).toHaveLength(2 * BATCH_CALLS);
    add("late");
    await turn();
    await turn();
    expect(steps).toHaveLength(2 * BATCH_CALLS + 2);
  });

  it("don't wait for a large one that comes after them", async () => {
    const { steps, add } = recorded();
    add("small");
    add("large", BATCH_BYTES);
    expect(steps).toEqual(["judge small", "send small"]);
    await turn();
    expect(steps).toEqual(["judge small", "send small", "judge large", "send large"]);
  });
});
