import { describe, expect, test } from "vitest";
import { BACKDATE_MS } from "../../src/tls/profile.ts";
import { renewalReason } from "../../src/tls/renewal.ts";

const ISSUED = new Date("2026-06-01T12:00:00Z");
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Whether it is due at this share of its life after it was issued. */
function isDueAt(share: number, lifeMs: number, jitterSeed = "pod-a"): boolean {
  const certificate = {
    notBefore: new Date(ISSUED.getTime() - BACKDATE_MS),
    notAfter: new Date(ISSUED.getTime() + lifeMs),
  };
  const now = new Date(ISSUED.getTime() + share * lifeMs);
  return renewalReason({ certificate, now, jitterSeed }) !== undefined;
}

/** The first per mille of the life at which it is due. */
function dueShare(seed: string): number {
  return Array.from({ length: 1000 }, (_, index) => index / 1000).find((share) => isDueAt(share, DAY_MS, seed)) ?? 1;
}

// 400 days are more than a timer of Node can wait, and so are two thirds of them.
describe.each([MINUTE_MS, 10 * MINUTE_MS, 30 * DAY_MS, 400 * DAY_MS])("a life of %d ms", (lifeMs) => {
  test("is two thirds long, a tenth more or less, from the moment of issue", () => {
    expect(isDueAt(0, lifeMs)).toBe(false);
    expect(isDueAt(0.599, lifeMs)).toBe(false);
    expect(isDueAt(0.734, lifeMs)).toBe(true);
    expect(isDueAt(1, lifeMs)).toBe(true);
  });
});

test("Pods differ, and each keeps its moment", () => {
  const shares = Array.from({ length: 50 }, (_, index) => dueShare(`pod-${index}`));
  expect(shares).toEqual(Array.from({ length: 50 }, (_, index) => dueShare(`pod-${index}`)));
  expect(Math.min(...shares)).toBeLessThan(0.62);
  expect(Math.max(...shares)).toBeGreaterThan(0.71);
  expect(new Set(shares).size).toBeGreaterThan(25);
});

test("outside its dates it says which one", () => {
  const certificate = { notBefore: new Date("2026-06-01T00:00:00Z"), notAfter: new Date("2026-06-02T00:00:00Z") };
  const reasonAt = (now: string) => renewalReason({ certificate, now: new Date(now), jitterSeed: "pod-a" });
  expect(reasonAt("2026-05-31T23:59:59Z")).toBe("not valid before 2026-06-01T00:00:00.000Z");
  expect(reasonAt("2026-06-01T00:00:00Z")).toBeUndefined();
  expect(reasonAt("2026-06-01T23:59:59Z")).toMatch(/^due for renewal since 2026-06-01T1/);
  expect(reasonAt("2026-06-02T00:00:01Z")).toBe("expired at 2026-06-02T00:00:00.000Z");
});
