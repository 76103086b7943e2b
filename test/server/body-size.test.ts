/** Bodies from 99 kB to beyond the limit. A legal review can be large: `<`, `>` and `&` are six bytes each in it. */
import { once } from "node:events";
import { text } from "node:stream/consumers";
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
  it.each([
    ["99 kB", 99_000],
    ["101 kB", 101_000],
    ["1 MiB", MIB],
    ["the 3 MiB that the API server takes", 3 * MIB],
    ["16 MiB", 16 * MIB],
    ["the limit of 32 MiB, to the byte", MAX_BODY_BYTES],
  ])("is judged: %s", async (_name, byteCount) => {
    const body = bodyOf(byteCount);
    expect(body.length).toBe(byteCount);
    const answer = await server.send("/validate", { body });
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
  });

  it("is judged when it is a legal update of 1.4 MiB of <, old and new", async () => {
    const large = objectOf(1.4 * MIB, "<");
    const json = JSON.stringify(reviewOf(updateOf(large, large))).replaceAll("<", "\\u003c");
    expect(json.length).toBeGreaterThan(16 * MIB);
    const answer = await server.send("/validate", { body: json });
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
  });

  it("is judged when it comes in pieces of unknown number", async () => {
    const headers = { "Transfer-Encoding": "chunked" };
    const answer = await server.send("/validate", { headers, body: bodyOf(5 * MIB) });
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
  });

  it("is judged when it is a map of 200,000 keys", async () => {
    const data = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`key-${index}`, "value"]));
    const response = await server.review("/validate", requestOf({ object: { ...objectOf(1), data } }));
    expect(response.allowed).toBe(true);
  });
});

describe("a body beyond the limit", () => {
  const oversize = () => server.sample("portcullis_admission_errors_total", { phase: "validate", error: "oversize" });

  it("is refused by its Content-Length alone", async () => {
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

  const CHUNKED =
    "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
  const CHUNK = Buffer.from(`${(64 * KIB).toString(16)}\r\n${"x".repeat(64 * KIB)}\r\n`);

  it("is refused as soon as it is too long, where it says no length and has no end", async () => {
    const before = await oversize();
    const socket = await server.openSocket();
    socket.write(CHUNKED);
    for (let written = 0; written <= MAX_BODY_BYTES; written += 64 * KIB) socket.write(CHUNK);
    expect(await text(socket)).toMatch(/^HTTP\/1.1 413 .*\r\nConnection: close\r\n/s);
    expect(await oversize()).toBe(before + 1);
  });

  it("has its connection ended, where the client writes on and on", async () => {
    const before = await oversize();
    const socket = await server.openSocket();
    const ended = new Promise((resolve) => socket.once("error", resolve).once("close", resolve));
    const keepWriting = (): void => {
      while (!socket.destroyed && socket.write(CHUNK));
    };
    socket.on("drain", keepWriting).write(CHUNKED);
    keepWriting();
    await ended;
    expect(await oversize()).toBe(before + 1);
  });
});
