/** Too much at once: 429, which the API server tries again, never a dropped connection and never "allowed". */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchEventLoop } from "../../src/server/event-loop.ts";
import { createLoad, type Load, type LoadLimits } from "../../src/server/load.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, POD, requestOf, reviewOf, updateOf } from "../support/reviews.ts";
import { serve, type TestServer } from "../support/serve.ts";

const MIB = 1024 * 1024;
const BODY = Buffer.from(bytesOf(reviewOf(requestOf()))).toString();
const HEAD = `POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;

let server: TestServer;
let load: Load;
let late = false;
async function start(limits?: LoadLimits): Promise<void> {
  late = false;
  load = createLoad(() => late, limits);
  server = await serve([policyOf(ruleThatFinds())], [], { load });
}
afterEach(() => server.close());

const shed = (reason: string) => server.sample("portcullis_shed_total", { phase: "validate", reason });

/** A call whose body is still to come. */
async function begin(): Promise<TLSSocket> {
  const socket = await server.openSocket();
  const arrived = once(server.server, "request");
  socket.write(HEAD);
  await arrived;
  return socket;
}

async function finish(socket: TLSSocket): Promise<string> {
  socket.write(BODY);
  const [answer] = await once(socket, "data");
  return String(answer);
}

describe("F-88: more calls at once than there is room for", () => {
  beforeEach(() => start({ maxRequests: 2, maxBytes: MIB }));

  it("are asked to try again in a second, and served when others have ended", async () => {
    const others = [await begin(), await begin()];
    const answer = await server.send("/validate", { body: BODY });
    expect(answer.status).toBe(429);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(await shed("requests")).toBe(1);
    for (const other of others) expect(await finish(other)).toContain('"allowed":true');
    expect((await server.send("/validate", { body: BODY })).status).toBe(200);
    expect(await shed("requests")).toBe(1);
  });

  it("keep their connection, so that trying again costs no handshake", async () => {
    const others = [await begin(), await begin()];
    const socket = await begin();
    expect(await finish(socket)).toMatch(/^HTTP\/1.1 429 .*\r\nConnection: keep-alive\r\n/s);
    expect(await finish(others[0] as TLSSocket)).toMatch(/^HTTP\/1.1 200 /);
    socket.write(HEAD);
    expect(await finish(socket)).toMatch(/^HTTP\/1.1 200 /);
  });

  it("are logged once a minute", async () => {
    await begin();
    await begin();
    for (let count = 0; count < 5; count++) await server.send("/validate", { body: BODY });
    expect(server.logged()).toMatchObject([{ level: "warn", status: 429, error: "shed requests" }]);
  });

  it("have room again where somebody went away in the middle of a body", async () => {
    const others = [await begin(), await begin()];
    for (const other of others) other.destroy();
    await vi.waitFor(async () => expect((await server.send("/validate", { body: BODY })).status).toBe(200));
  });
});

describe("F-37: more bytes at once than there is room for", () => {
  beforeEach(() => start({ maxRequests: 1000, maxBytes: 20 * MIB }));
  const large = Buffer.from(bytesOf(reviewOf(updateOf({ ...POD, text: "<".repeat(8 * MIB) }, POD))));

  it("are refused while they come, whatever length they say, and free again", async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => server.send("/validate", { body: large })));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200).length + refused.length).toBe(12);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of refused) expect(headers["retry-after"]).toBe("1");
    expect(await shed("bytes")).toBe(refused.length);
    expect((await server.send("/validate", { body: large })).status).toBe(200);
  });

  it("don't keep small ones out", async () => {
    const socket = await server.openSocket();
    socket.write(
      `POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${15 * MIB}\r\n\r\n`,
    );
    await vi.waitFor(() => expect(load.bytes).toBe(15 * MIB), 10_000);
    expect((await server.send("/validate", { body: large })).status).toBe(429);
    expect((await server.send("/validate", { body: BODY })).status).toBe(200);
    socket.destroy();
    await vi.waitFor(() => expect(load.bytes).toBe(0), 10_000);
  });
});

describe("F-89: an event loop that others keep busy", () => {
  beforeEach(() => start());

  it("has calls turned away while one is in flight, and the health port is another", async () => {
    const other = await begin();
    late = true;
    expect((await server.send("/validate", { body: BODY })).status).toBe(429);
    expect(await shed("lag")).toBe(1);
    expect(await finish(other)).toMatch(/^HTTP\/1.1 200 /);
    expect((await server.send("/validate", { body: BODY })).status).toBe(200);
  });
});

describe("F-89: the watch over the event loop", () => {
  const block = (ms: number) => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };
  const turn = () => new Promise((resolve) => setTimeout(resolve));

  it("measures how late it is, and calls it late only when it is so for some time", async () => {
    await start();
    const lags: number[] = [];
    const watch = watchEventLoop((seconds) => lags.push(seconds));
    block(500);
    await turn();
    expect(Math.max(...lags)).toBeGreaterThan(0.3);
    expect(watch.isLate()).toBe(false);
    for (let count = 0; count < 5; count++) {
      block(400);
      await turn();
    }
    expect(watch.isLate()).toBe(true);
    await vi.waitFor(() => expect(watch.isLate()).toBe(false), 10_000);
    watch.stop();
  });
});

it("a body that is refused for its size in the middle of an endless stream ends its connection", async () => {
  await start({ maxRequests: 10, maxBytes: MIB });
  const socket = await server.openSocket();
  socket.write(
    "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  const chunk = `${(64 * 1024).toString(16)}\r\n${" ".repeat(64 * 1024)}\r\n`;
  for (let count = 0; count < 20; count++) socket.write(chunk);
  expect(await text(socket)).toMatch(/^HTTP\/1.1 429 .*\r\nConnection: close\r\n/s);
});
