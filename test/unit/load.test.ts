import { describe, expect, it } from "vitest";
import {
  LARGE_BODY_BYTES,
  MAX_BODY_BYTES,
  MAX_BYTES_IN_FLIGHT,
  MAX_REQUESTS_IN_FLIGHT,
} from "../../src/server/limits.ts";
import { createLoad } from "../../src/server/load.ts";

const inTime = () => false;
const MIB = 1024 * 1024;

describe("requests", () => {
  it("have room until as many are in flight as may be, and again when one has ended", () => {
    const load = createLoad(inTime, { maxRequests: 2, maxBytes: 100 });
    expect([load.begin(), load.begin(), load.begin()]).toEqual([undefined, undefined, "requests"]);
    expect(load.requests).toBe(2);
    load.end(0);
    expect([load.begin(), load.begin()]).toEqual([undefined, "requests"]);
  });

  it("have none where the event loop is late, but for one that is alone", () => {
    let late = false;
    const load = createLoad(() => late);
    load.begin();
    late = true;
    expect(load.begin()).toBe("lag");
    load.end(0);
    expect(load.begin()).toBeUndefined();
    late = false;
    expect(load.begin()).toBeUndefined();
  });
});

describe("bytes", () => {
  it("have room up to the budget, and are free when their call ends", () => {
    const load = createLoad(inTime, { maxRequests: 9, maxBytes: 100 });
    expect([load.take(60, 60), load.take(40, 40), load.take(1, 1)]).toEqual([true, true, false]);
    load.end(60);
    expect(load.bytes).toBe(40);
    expect([load.take(61, 61), load.take(60, 60)]).toEqual([false, true]);
  });

  it("of large bodies leave a quarter to the small ones", () => {
    const load = createLoad(inTime);
    const large = LARGE_BODY_BYTES + 1;
    while (load.take(MIB, large));
    expect(load.bytes).toBe(0.75 * MAX_BYTES_IN_FLIGHT);
    expect(load.take(LARGE_BODY_BYTES, LARGE_BODY_BYTES)).toBe(true);
    expect(load.take(1, large)).toBe(false);
  });
});

it("as it is shipped, there is room for the largest body beside what five API servers send by default", () => {
  const load = createLoad(inTime);
  for (let count = 0; count < 5 * 200; count++) expect(load.begin()).toBeUndefined();
  expect(MAX_REQUESTS_IN_FLIGHT).toBe(1000);
  expect(load.take(MAX_BODY_BYTES, MAX_BODY_BYTES)).toBe(true);
  expect(load.take(16 * MIB, 16 * MIB)).toBe(true);
  expect(load.take(16 * MIB, LARGE_BODY_BYTES)).toBe(true);
});
