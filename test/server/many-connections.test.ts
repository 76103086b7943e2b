/** F-5: more connections than the server keeps. */
import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterAll, describe, expect, it, vi } from "vitest";
import { MAX_CONNECTIONS } from "../../src/server/limits.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const MAX = 20;
const server = await serve([policyOf(ruleThatFinds())], [], { maxConnections: MAX });
const sockets: Socket[] = [];
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await server.close();
});

const BODY = Buffer.from(bytesOf(reviewOf(requestOf()))).toString();
const POST = `POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
const evicted = () => server.sample("portcullis_connections_evicted_total", {});

async function ask(socket: Socket): Promise<string> {
  socket.write(POST);
  const [answer] = await once(socket, "data");
  return String(answer);
}

describe("F-5: connections beyond the limit", () => {
  it("end those that ask nothing, TLS or not, and never the one that is in use", async () => {
    const { port } = server.server.address() as AddressInfo;
    const used = await server.openSocket();
    sockets.push(used);
    expect(await ask(used)).toMatch(/^HTTP\/1.1 200 /);
    for (let count = 0; count < 3 * MAX; count++) {
      const idle = count % 2 === 0 ? await server.openSocket() : connect(port, "127.0.0.1");
      sockets.push(idle.on("error", () => {}));
      // What is asked now and then is not what has been idle for longest.
      if (count % 5 === 0) expect(await ask(used)).toMatch(/^HTTP\/1.1 200 /);
    }
    await vi.waitFor(async () => expect(await evicted()).toBe(2 * MAX + 1));
    expect(await ask(used)).toMatch(/^HTTP\/1.1 200 /);
    const count = await new Promise<number>((resolve) =>
      server.server.getConnections((_error, total) => resolve(total)),
    );
    expect(count).toBeLessThanOrEqual(MAX + 1);
    expect((await server.review("/validate", requestOf())).allowed).toBe(true);
  });

  it("are refused themselves where all others carry a request", async () => {
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => {
      const left = await new Promise((resolve) => server.server.getConnections((_error, total) => resolve(total)));
      expect(left).toBeLessThanOrEqual(1);
    });
    const before = await evicted();
    const busy: Socket[] = [];
    while (busy.length < MAX) {
      const socket = await server.openSocket();
      const arrived = once(server.server, "request");
      socket.write(POST.slice(0, -1));
      await arrived;
      busy.push(socket);
    }
    await expect(server.openSocket()).rejects.toThrow();
    for (const socket of busy) {
      socket.write(POST.slice(-1));
      const [answer] = await once(socket, "data");
      expect(String(answer)).toMatch(/^HTTP\/1.1 200 /);
      socket.destroy();
    }
    expect(await evicted()).toBeGreaterThan(before);
  });

  it("are more than the API servers need: 25 kept by each, and one a call", () => {
    expect(MAX_CONNECTIONS).toBe(2000);
  });
});
