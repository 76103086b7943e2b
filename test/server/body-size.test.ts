/** Bodies from 99 kB to beyond the limit. A legal review can be large: `<`, `>` and `&` are six bytes each in it. */
import { once } from "node:events";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { MAX_BODY_BYTES } from "../../src/server/limits.ts";
import { policyOf, ruleOf, verdictOf } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf, UID, updateOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Refuses what has no text in it, so that allowed means that the object was read to its end. */
const policy = policyOf(ruleOf(({ object }) => (object.text ? verdictOf() : verdictOf({ message: "no text" }))));
const server = await serve([policy]);
afterAll(() => server.close());
afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(false));

function objectOf(length: number, character = "x") {
  return { apiVersion: "v1", kind: "Pod", metadata: {}, text: character.repeat(length) };
}

/** A review of exactly so many bytes. */
function bodyOf(byteCount: number): Uint8Array {
  const without = bytesOf(reviewOf(requestOf({ object: objectOf(0) }))).length;
  return bytesOf(reviewOf(requestOf({ object: objectOf(byteCount - without) })));
}

describe("a body within the limit", () => {
  const judged = async (_name: string, byteCount: number) => {
    const body = bodyOf(byteCount);
    expect(body.length).toBe(byteCount);
    const answer = await server.send("/validate", { body });
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
  };

  it.each<[string, number]>([
    ["99 kB", 99_000],
    ["101 kB", 101_000],
    ["1 MiB", MIB],
    ["2.9 MiB", 2.9 * MIB],
    ["the 3 MiB that the API server takes", 3 * MIB],
  ])("F-33: is judged: %s", (name, byteCount) => judged(name, Math.floor(byteCount)));

  it.each<[string, number]>([
    ["16 MiB", 16 * MIB],
    ["the limit of 32 MiB, to the byte", MAX_BODY_BYTES],
  ])("is judged: %s", judged);

  /** As Go writes it. */
  const escaped = (review: object) => JSON.stringify(review).replaceAll("<", "\\u003c");
  const large = objectOf(1.4 * MIB, "<");
  it.each<[string, object, number]>([
    ["a creation of 1.4 MiB of <", requestOf({ object: large }), 8.4],
    ["an update of 1.4 MiB of <, old and new", updateOf(large, large), 16.8],
    ["the largest legal update", updateOf(objectOf(3 * MIB, "<"), objectOf(1.5 * MIB, "<")), 27],
  ])("F-34, F-35, F-36: is judged when it is %s", async (_name, request, mib) => {
    const body = escaped(reviewOf(request));
    expect(body.length).toBeGreaterThan(mib * MIB);
    const answer = await server.send("/validate", { body });
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
  });

  it("is judged when it comes in pieces of unknown number", async () => {
    const headers = { "Transfer-Encoding": "chunked" };
    const answer = await server.send("/validate", { headers, body: bodyOf(5 * MIB) });
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
  });

  it.each<[string, unknown]>([
    ["map of 200,000 keys", Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`key-${index}`, "v"]))],
    ["list of a million", Array.from({ length: 1e6 }, (_, index) => index)],
  ])("F-31: is judged when it holds a %s", async (_name, data) => {
    const response = await server.review("/validate", requestOf({ object: { ...objectOf(1), data } }));
    expect(response).toEqual({ uid: UID, allowed: true });
  });
});

describe("a body beyond the limit", () => {
  const oversize = () => server.sample("portcullis_admission_errors_total", { phase: "validate", error: "oversize" });

  it("F-28: is refused by its Content-Length alone", async () => {
    const before = await oversize();
    const socket = await server.openSocket();
    socket.write(
      `POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${MAX_BODY_BYTES + 1}\r\n\r\n`,
    );
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1.1 413 .*\r\nConnection: close\r\n/s);
    await once(socket, "close");
    expect(await oversize()).toBe(before + 1);
  });
});
