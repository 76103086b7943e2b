/**
 * Connections that are used again after a pause. A server that ends one at the very moment at which its client writes to it
 * loses the request; Node's default of 5 s, to which it adds one, does so with an API server every day.
 */
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { serve, type TestServer } from "../support/serve.ts";

/** A second of the API server and of ours, a fiftieth of its length. */
const SECOND_MS = 20;

const policies = [policyOf(ruleThatFinds())];
const server = await serve(policies);
const fast = await serveFast(120 * SECOND_MS);
/** As one that waits no longer than the API server. */
const tooFast = await serveFast(90 * SECOND_MS);
afterAll(() => Promise.all([server.close(), fast.close(), tooFast.close()]));
afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(true));

async function serveFast(keepAliveTimeout: number): Promise<TestServer> {
  const served = await serve(policies, [], { timeouts: { keepAliveTimeout } });
  // Node waits a second more than it is told.
  served.server.keepAliveTimeoutBuffer = 0;
  return served;
}

const BODY = bytesOf(reviewOf(requestOf()));
const REQUEST = Buffer.concat([
  Buffer.from(
    `POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`,
  ),
  BODY,
]);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const openSockets = ({ openSocket }: TestServer, length: number) =>
  Promise.all(Array.from({ length }, () => openSocket()));

const isOpen = (socket: TLSSocket) => !socket.destroyed && !socket.readableEnded;

/** Whether a request gets an answer, and not the end of the connection. */
function ask(socket: TLSSocket): Promise<boolean> {
  if (!isOpen(socket)) return Promise.resolve(false);
  return new Promise((resolve) => {
    socket.once("data", (bytes: Buffer) => resolve(String(bytes).startsWith("HTTP/1.1 200 ")));
    socket.once("close", () => resolve(false)).once("error", () => resolve(false));
    socket.write(REQUEST);
  });
}

const countLost = (answered: readonly boolean[]) => answered.filter((isAnswered) => !isAnswered).length;

/** How many of 80 connections lose the request that follows another one after `idleMs`. */
async function reuse(to: TestServer, idleMs: number): Promise<number> {
  const sockets = await openSockets(to, 80);
  const outcomes = sockets.map(async (socket) => {
    expect(await ask(socket)).toBe(true);
    await sleep(idleMs);
    return await ask(socket);
  });
  const lost = countLost(await Promise.all(outcomes));
  for (const socket of sockets) socket.destroy();
  return lost;
}

/**
 * The same where the server hangs for a moment just after the second request was sent, as busy processes do: what is due
 * meanwhile, the end of a connection for one, is done before what has come in.
 */
async function reuseWithHiccup(to: TestServer, idleMs: number, hiccupMs: number): Promise<number> {
  const sockets = await openSockets(to, 20);
  expect(countLost(await Promise.all(sockets.map(ask)))).toBe(0);
  await sleep(idleMs);
  // Node's loop goes on with timers from here, and reads after them.
  await new Promise((resolve) => setImmediate(resolve));
  const second = Promise.all(sockets.filter(isOpen).map(ask));
  const untilMs = performance.now() + hiccupMs;
  while (performance.now() < untilMs);
  const lost = countLost(await second);
  for (const socket of sockets) socket.destroy();
  return lost;
}

describe("F-17: a connection", () => {
  it("is kept for longer than the API server keeps it, which is 90 s", () => {
    expect(server.server.keepAliveTimeout).toBe(120_000);
  });

  it.concurrent("is used again at what would be its end by default, and no request is lost", async () => {
    expect(await Promise.all([5990, 6000, 6010].map((idleMs) => reuse(server, idleMs)))).toEqual([0, 0, 0]);
  });

  it.concurrent("is used again after 65, 89 and 95 short seconds, and no request is lost", async () => {
    const idles = [65, 89, 95].map((seconds) => seconds * SECOND_MS);
    expect(await Promise.all(idles.map((idleMs) => reuse(fast, idleMs)))).toEqual([0, 0, 0]);
  });

  it("is used again while the server hangs, and no request is lost; control: it would be with 90 s", async () => {
    expect(await reuseWithHiccup(fast, 65 * SECOND_MS, 30 * SECOND_MS)).toBe(0);
    expect(await reuseWithHiccup(tooFast, 65 * SECOND_MS, 30 * SECOND_MS)).toBeGreaterThan(0);
  });
});
