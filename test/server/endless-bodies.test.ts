/** Bodies that say no length, in chunks, and have no end. */
import { text } from "node:stream/consumers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { MAX_BODY_BYTES } from "../../src/server/limits.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { requestOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

const server = await serve([policyOf(ruleThatFinds())]);
afterAll(() => server.close());
afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(true));

const CHUNKED =
  "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNK = Buffer.from(`${(64 * KIB).toString(16)}\r\n${"x".repeat(64 * KIB)}\r\n`);

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");
/** Of buffers, which is where bodies are. The client's are among them. */
const heldBytes = () => process.memoryUsage().arrayBuffers;

/** Writes until the connection ends, or until there is an answer. */
async function writeOnAndOn(until: "end" | "answer") {
  const socket = await server.openSocket();
  let answer = "";
  let mostHeld = 0;
  socket.on("data", (bytes: Buffer) => {
    answer += bytes.toString("latin1");
    if (until === "answer") socket.destroy();
  });
  const ended = new Promise((resolve) => socket.once("error", resolve).once("close", resolve));
  const keepWriting = (): void => {
    mostHeld = Math.max(mostHeld, heldBytes());
    while (!socket.destroyed && socket.write(CHUNK));
  };
  socket.on("drain", keepWriting).write(CHUNKED);
  keepWriting();
  await ended;
  return { answer, written: socket.bytesWritten, mostHeld };
}

describe("F-27: an endless body", () => {
  const oversize = () => server.sample("portcullis_admission_errors_total", { phase: "validate", error: "oversize" });

  it("is refused as soon as it is too long", async () => {
    const before = await oversize();
    const socket = await server.openSocket();
    socket.write(CHUNKED);
    for (let written = 0; written <= MAX_BODY_BYTES; written += 64 * KIB) socket.write(CHUNK);
    expect(await text(socket)).toMatch(/^HTTP\/1.1 413 .*\r\nConnection: close\r\n/s);
    expect(await oversize()).toBe(before + 1);
  });

  it("has its connection ended, where the client writes on and on", async () => {
    const { answer, written } = await writeOnAndOn("end");
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(written).toBeGreaterThan(MAX_BODY_BYTES);
  });

  it("takes no more memory than the limit allows, and leaves none behind", async () => {
    const before = await oversize();
    collectGarbage();
    const baseline = heldBytes();
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      const { mostHeld } = await writeOnAndOn("answer");
      expect(mostHeld).toBeLessThan(baseline + 3 * MAX_BODY_BYTES);
      await vi.waitFor(() => {
        collectGarbage();
        expect(heldBytes()).toBeLessThan(baseline + MIB);
      });
    }
    expect(await oversize()).toBe(before + rounds);
  });
});
