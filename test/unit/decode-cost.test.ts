/** What the dearest bodies cost to decode, which is nearly all that a review costs: nobody else is answered meanwhile. */
import { expect, it } from "vitest";
import { decode } from "../../src/admission/decode.ts";
import { bytesOf, POD, requestOf, reviewOf, updateOf } from "../support/reviews.ts";

const MIB = 1024 * 1024;
const LIMIT_MS = 1000;

/** The least of three, in time of this process: others may use the machine too. */
function costMs(body: Uint8Array): number {
  const costs = [0, 1, 2].map(() => {
    const before = process.cpuUsage();
    decode(body);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...costs);
}

const podWith = (data: unknown) => ({ ...POD, data });
const creationOf = (data: unknown) => bytesOf(reviewOf(requestOf({ object: podWith(data) })));
const listOf = <T>(length: number, make: (index: number) => T) => Array.from({ length }, (_, index) => make(index));
const mapOf = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, "value-of-some-length"]));

it.each<[string, () => Uint8Array]>([
  ["a map of 200,000 keys", () => creationOf(mapOf(listOf(200_000, (index) => `key-${index}`)))],
  ["a list of a million", () => creationOf(listOf(1e6, (index) => index))],
])("F-31: %s costs less than a second", (_name, make) => {
  expect(costMs(make())).toBeLessThan(LIMIT_MS);
});

/**
 * CVE-2026-21717: V8 hashed text that looks like an integer to that integer, so that multiples of a power of two fell on each
 * other in its table of short strings. As values these cost Node 24.13.0 four seconds.
 */
const COLLIDING = listOf(2 ** 17 - 1, (index) => String((index + 1) * 2 ** 15));

it.each<[string, unknown]>([
  ["values", COLLIDING],
  ["keys", mapOf(COLLIDING)],
  ["keys of small maps", COLLIDING.map((key) => ({ [key]: key }))],
])("F-32: integers made to collide cost less than a second, as %s", (_name, data) => {
  expect(costMs(creationOf(data))).toBeLessThan(LIMIT_MS);
});

it("F-36: the largest legal update costs less than a second", () => {
  const escaped = (length: number) => "<".repeat(length);
  const update = updateOf(podWith(escaped(3 * MIB)), podWith(escaped(1.5 * MIB)));
  const body = Buffer.from(JSON.stringify(reviewOf(update)).replaceAll("<", "\\u003c"));
  expect(body.length).toBeGreaterThan(27 * MIB);
  expect(costMs(body)).toBeLessThan(LIMIT_MS);
});
