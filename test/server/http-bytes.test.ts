/** What is no well-formed HTTP, or comes in odd pieces: written byte by byte. */
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { connectionsOf } from "../../src/server/connections.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const server = await serve([policyOf(ruleThatFinds())]);
afterAll(() => server.close());
// Whatever a test has done, the server must serve on.
afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(true));

const HOST = "Host: portcullis.policy.svc";
const JSON_TYPE = "Content-Type: application/json";

function messageOf(lines: readonly string[], body = ""): string {
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** A POST of a review that keeps its connection, unless `more` says otherwise. */
function postOf(uid: string, ...more: readonly string[]): string {
  const body = Buffer.from(bytesOf(reviewOf(requestOf({ uid })))).toString();
  return messageOf(["POST /validate HTTP/1.1", HOST, JSON_TYPE, `Content-Length: ${body.length}`, ...more], body);
}

/** All that comes back until the connection ends. */
async function exchange(bytes: string): Promise<string> {
  const socket = await server.openSocket();
  socket.write(bytes);
  return await text(socket);
}

describe("a request that isn't HTTP", () => {
  it.each<[string, readonly string[]]>([
    ["with both Content-Length and Transfer-Encoding", [HOST, "Content-Length: 2", "Transfer-Encoding: chunked"]],
    ["with two Content-Lengths", [HOST, "Content-Length: 2", "Content-Length: 3"]],
    ["with a negative Content-Length", [HOST, "Content-Length: -1"]],
    ["with a Content-Length that is no number", [HOST, "Content-Length: two"]],
    ["without Host", ["Content-Length: 2"]],
    ["with a header that has a blank in its name", [HOST, "Content Length: 2"]],
  ])("F-11: %s is answered with 400, and its connection ended", async (_name, headers) => {
    const answer = await exchange(messageOf(["POST /validate HTTP/1.1", JSON_TYPE, ...headers], "{}"));
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/^Connection: close\r$/m);
  });

  it.each<[string, readonly string[]]>([
    ["long ones", [`X-Long: ${"x".repeat(17 * 1024)}`]],
    ["many", Array.from({ length: 2000 }, (_, index) => `X-${index}: 1`)],
  ])("F-12: with headers of more than 16 KiB is answered with 431: %s", async (_name, headers) => {
    expect(await exchange(postOf("a-uid", ...headers))).toMatch(/^HTTP\/1.1 431 /);
  });

  it("F-12: with 2,000 headers is answered with 431, short as they are; with 500 it is read", async () => {
    const withHeaders = (length: number) =>
      exchange(postOf("a-uid", ...Array.from({ length }, () => "a:b"), "Connection: close"));
    expect(await withHeaders(2000)).toMatch(/^HTTP\/1.1 431 /);
    expect(await withHeaders(500)).toMatch(/^HTTP\/1.1 200 OK\r\n.*"uid":"a-uid"/s);
  });

  it("but a greeting is answered with 400", async () => {
    expect(await exchange("EHLO example.org\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe("a request that is odd", () => {
  const odd = (...lines: readonly string[]) => exchange(messageOf([...lines, HOST, "Connection: close"]));

  it("F-10: as CONNECT has its connection ended without an answer", async () => {
    expect(await odd("CONNECT example.org:443 HTTP/1.1")).toBe("");
  });

  it("F-10: as OPTIONS of everything is answered with 404", async () => {
    expect(await odd("OPTIONS * HTTP/1.1")).toMatch(/^HTTP\/1.1 404 /);
  });

  it("F-9: as a URL in place of a path is answered with 404: we are no proxy", async () => {
    expect(await odd("POST https://example.org/validate HTTP/1.1", "Content-Length: 0")).toMatch(/^HTTP\/1.1 404 /);
  });

  it("F-10: as an upgrade is taken as what it is without one", async () => {
    const upgrade = ["Upgrade: websocket", "Connection: Upgrade, close"];
    expect(await exchange(postOf("a-uid", ...upgrade))).toMatch(/^HTTP\/1.1 200 OK\r\n.*"uid":"a-uid"/s);
  });

  it("F-13: as one that expects something else than 100-continue is answered with 417", async () => {
    expect(await exchange(postOf("a-uid", "Expect: a miracle", "Connection: close"))).toMatch(/^HTTP\/1.1 417 /);
  });

  it("F-13: as one that waits for 100-continue with a body that is too large gets 413 without sending it", async () => {
    const lines = ["POST /validate HTTP/1.1", HOST, JSON_TYPE, `Content-Length: ${1e9}`, "Expect: 100-continue"];
    const answer = await exchange(messageOf(lines));
    expect(answer).toMatch(/^HTTP\/1.1 413 |\r\n\r\nHTTP\/1.1 413 /);
  });

  it("F-21: as one without a body, or any word of one, is answered with 400", async () => {
    const answer = await odd("POST /validate HTTP/1.1", JSON_TYPE);
    expect(answer).toMatch(/^HTTP\/1.1 400 .*"the body is not JSON"/s);
  });

  it("F-24: as one that says nothing of its type is answered with 415", async () => {
    const answer = await exchange(postOf("a-uid", "Connection: close").replace(`${JSON_TYPE}\r\n`, ""));
    expect(answer).toMatch(/^HTTP\/1.1 415 /);
  });
});

describe("a connection", () => {
  it("F-14: may carry requests one behind the other, which are answered in their order", async () => {
    const answer = await exchange(postOf("one") + postOf("two") + postOf("three", "Connection: close"));
    expect([...answer.matchAll(/"uid":"(\w+)"/g)].map(([, uid]) => uid)).toEqual(["one", "two", "three"]);
  });
});

describe("F-16: a caller that goes away", () => {
  const aborted = () => server.sample("portcullis_admission_errors_total", { phase: "validate", error: "aborted" });
  const inFlight = () => connectionsOf(server.server)?.requestsInFlight();
  const manySockets = () => Promise.all(Array.from({ length: 50 }, () => server.openSocket()));
  /** Resolves once no connection but the client's own is left. */
  const waitForTheLast = () =>
    vi.waitFor(async () => {
      const count = await new Promise((resolve) => server.server.getConnections((_error, number) => resolve(number)));
      expect(count).toBe(1);
    });

  it("in the middle of its body is counted, and nothing is logged", async () => {
    await server.review("/validate", requestOf());
    const before = await aborted();
    server.clearLog();
    const sockets = await manySockets();
    for (const socket of sockets) socket.write(postOf("a-uid").slice(0, -10));
    await vi.waitFor(() => expect(inFlight()).toBe(sockets.length));
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => expect(await aborted()).toBe(before + sockets.length));
    expect(inFlight()).toBe(0);
    await waitForTheLast();
    expect(server.logged()).toEqual([]);
  });

  it("before the answer does no harm", async () => {
    await server.review("/validate", requestOf());
    server.clearLog();
    const end = (socket: TLSSocket) =>
      new Promise((resolve) => {
        socket.once("close", resolve).write(postOf("a-uid"), () => socket.destroy());
      });
    await Promise.all((await manySockets()).map(end));
    await waitForTheLast();
    expect(inFlight()).toBe(0);
    expect(server.logged().filter(({ level }) => level !== "debug")).toEqual([]);
  });
});
