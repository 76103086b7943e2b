import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closeGracefully } from "../../src/server/listen.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { serve, type TestServer } from "../support/serve.ts";

let server: TestServer;
beforeEach(async () => {
  server = await serve([policyOf(ruleThatFinds())]);
});
afterEach(() => server.close());

const BODY = Buffer.from(bytesOf(reviewOf(requestOf()))).toString();
const HEAD = `POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;

describe("a server that drains", () => {
  it("answers, and asks each caller to connect anew", async () => {
    const open = await server.send("/validate", { body: BODY });
    expect(open.headers.connection).toBe("keep-alive");
    server.use({ draining: true });
    for (const body of [BODY, "{}"]) {
      const answer = await server.send("/validate", { body });
      expect(answer.status).toBe(body === BODY ? 200 : 400);
      expect(answer.headers.connection).toBe("close");
    }
  });
});

describe("a server that closes", () => {
  it("ends connections that have been used and are idle, and takes no new ones", async () => {
    const { port } = server.server.address() as AddressInfo;
    const socket = await server.openSocket();
    socket.write(HEAD + BODY);
    await once(socket, "data");
    const ended = once(socket.resume(), "end");
    await closeGracefully(server.server);
    await ended;
    await expect(once(connect(port, "127.0.0.1"), "connect")).rejects.toThrow("ECONNREFUSED");
  });

  it.each<[string, (port: number) => Promise<Socket>]>([
    ["no request", () => server.openSocket()],
    [
      "half the head of a request",
      async () => {
        const socket = await server.openSocket();
        socket.write(HEAD.slice(0, 20));
        return socket;
      },
    ],
    [
      "no TLS",
      async (port) => {
        const socket = connect(port, "127.0.0.1");
        await once(socket, "connect");
        return socket;
      },
    ],
  ])("ends connections on which there has been %s", async (_name, open) => {
    const { port } = server.server.address() as AddressInfo;
    const socket = await open(port);
    // A server that has answered somebody else has seen that connection.
    await server.send("/validate", { body: BODY });
    const ended = once(socket.on("error", () => {}).resume(), "close");
    await closeGracefully(server.server);
    await ended;
  });

  it("lets a request in flight finish, and then ends its connection, which was to be kept alive", async () => {
    const socket = await server.openSocket();
    const requested = once(server.server, "request");
    socket.write(HEAD + BODY.slice(0, 10));
    await requested;
    let isClosed = false;
    const closed = closeGracefully(server.server).then(() => {
      isClosed = true;
    });
    const answered = once(socket, "data");
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(isClosed).toBe(false);

    socket.write(BODY.slice(10));
    const [answer] = await answered;
    expect(String(answer)).toMatch(/^HTTP\/1.1 200 OK\r\n.*"allowed":true/s);
    await once(socket.resume(), "end");
    await closed;
  });
});
