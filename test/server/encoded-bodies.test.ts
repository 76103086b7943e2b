/** Content-Encoding, which the API server never sends: a few kilobytes of it can become gigabytes. */
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const MIB = 1024 * 1024;
const server = await serve([policyOf(ruleThatFinds())]);
afterAll(() => server.close());
afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(true));

const REVIEW = bytesOf(reviewOf(requestOf()));

describe("F-26: a body that is encoded is not read", () => {
  it.each<[string, Uint8Array]>([
    ["gzip", gzipSync(REVIEW)],
    ["br", brotliCompressSync(REVIEW)],
    ["deflate", deflateSync(REVIEW)],
    ["zstd", zstdCompressSync(REVIEW)],
    ["identity", REVIEW],
    ["gzip, gzip", gzipSync(gzipSync(REVIEW))],
  ])("as %s, though it holds a review", async (encoding, body) => {
    const answer = await server.send("/validate", { headers: { "Content-Encoding": encoding }, body });
    expect(answer.status).toBe(415);
  });

  it("and not inflated where it would be 4 GiB, so that no memory is taken", async () => {
    // Members of gzip may stand one behind the other.
    const large = Buffer.concat(Array<Buffer>(64).fill(gzipSync(Buffer.alloc(64 * MIB))));
    const small = gzipSync(large);
    expect(small.length).toBeLessThan(42_000);
    const before = process.memoryUsage.rss();
    let growth = 0;
    for (let round = 0; round < 20; round++) {
      for (const [encoding, body] of [
        ["gzip", large],
        ["gzip, gzip", small],
      ] as const) {
        const answer = await server.send("/validate", { headers: { "Content-Encoding": encoding }, body });
        expect(answer.status).toBe(415);
        growth = Math.max(growth, process.memoryUsage.rss() - before);
      }
    }
    // Of the client, which is here too: 20 times 4 MiB is what it sends.
    expect(growth).toBeLessThan(100 * MIB);
    expect((await server.send("/validate", { body: small })).status).toBe(400);
  });
});
