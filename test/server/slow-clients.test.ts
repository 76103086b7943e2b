/** Clients that take their time. Ten seconds of it are the shipped limits, for which these tests wait side by side. */
import { connect, type Socket } from "node:net";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";
import { clientHelloOf } from "./client-hello.ts";

/** What a timer and a busy machine may add. */
const LATE_MS = 8000;

const policies = [policyOf(ruleThatFinds())];
const server = await serve(policies);
const REQUEST_MS = 1500;
const timeouts = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: 100 };
const hasty = await serve(policies, [], { timeouts });
afterAll(() => Promise.all([server.close(), hasty.close()]));
afterEach(async () => {
  for (const each of [server, hasty]) expect((await each.review("/validate", requestOf())).allowed).toBe(true);
});

/** Writes a byte every `intervalMs` until the connection ends, which a byte too late may reset; resolves with what came back. */
async function drip(socket: Socket, bytes: Buffer, intervalMs: number) {
  const startedAtMs = performance.now();
  let next = 0;
  let answer = "";
  const timer = setInterval(() => socket.write(bytes.subarray(next, ++next)), intervalMs);
  socket
    .on("error", () => undefined)
    .on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
    });
  await new Promise((resolve) => socket.once("close", resolve));
  clearInterval(timer);
  return { answer, ms: performance.now() - startedAtMs };
}

function expectBetween(ms: number, fromMs: number): void {
  // Timers of Node count from the last turn of its loop.
  expect(ms).toBeGreaterThan(fromMs - 100);
  expect(ms).toBeLessThan(fromMs + LATE_MS);
}

const HEAD = "POST /validate HTTP/1.1\r\nHost: portcullis.policy.svc\r\nContent-Type: application/json\r\n";
const BODY = bytesOf(reviewOf(requestOf()));

it("F-7: what is shipped waits 30 s for a request", () => {
  expect(server.server.requestTimeout).toBe(30_000);
});

describe.concurrent("a client that", () => {
  it.each<[string, Buffer]>([
    ["says nothing", Buffer.alloc(0)],
    ["stops in the middle of its ClientHello", clientHelloOf().subarray(0, 50)],
    ["says nothing to the certificate", clientHelloOf()],
  ])("F-4: %s is hung up on after 10 s", async (_what, bytes) => {
    const { port } = server.server.address() as { readonly port: number };
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const startedAtMs = performance.now();
    socket.on("error", () => undefined).resume();
    await new Promise((resolve) => socket.once("close", resolve));
    expectBetween(performance.now() - startedAtMs, 10_000);
  });

  it("F-6: sends its headers a byte a second has them answered with 408 after 10 s", async () => {
    const socket = await server.openSocket();
    const { answer, ms } = await drip(socket, Buffer.from(HEAD), 1000);
    expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n$/);
    expectBetween(ms, 10_000);
  });

  it("F-7: sends its body byte by byte has it answered with 408 when the time for a request is over", async () => {
    const aborted = () => hasty.sample("portcullis_admission_errors_total", { phase: "validate", error: "aborted" });
    const before = await aborted();
    const socket = await hasty.openSocket();
    socket.write(`${HEAD}Content-Length: ${BODY.length}\r\n\r\n`);
    const { answer, ms } = await drip(socket, Buffer.from(BODY), 50);
    expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n$/);
    expectBetween(ms, REQUEST_MS);
    await vi.waitFor(async () => expect(await aborted()).toBe(before + 1));
  });

  it("F-7: is slow, and done within that time, is answered", async () => {
    const socket = await hasty.openSocket();
    socket.write(`${HEAD}Connection: close\r\nContent-Length: ${BODY.length}\r\n\r\n`);
    socket.write(BODY.subarray(0, -5));
    const { answer } = await drip(socket, Buffer.from(BODY.subarray(-5)), 50);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  });
});
