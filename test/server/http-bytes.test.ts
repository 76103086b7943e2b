/** What is no well-formed HTTP, or TLS, or comes in odd pieces: written byte by byte. */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
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
  ])("%s is answered with 400, and its connection ended", async (_name, headers) => {
    const answer = await exchange(messageOf(["POST /validate HTTP/1.1", JSON_TYPE, ...headers], "{}"));
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(answer).toMatch(/^Connection: close\r$/m);
  });

  it.each<[string, readonly string[]]>([
    ["long ones", [`X-Long: ${"x".repeat(17 * 1024)}`]],
    ["many", Array.from({ length: 2000 }, (_, index) => `X-${index}: 1`)],
  ])("with headers of more than 16 KiB is answered with 431: %s", async (_name, headers) => {
    expect(await exchange(postOf("a-uid", ...headers))).toMatch(/^HTTP\/1.1 431 /);
  });

  it("but a greeting is answered with 400", async () => {
    expect(await exchange("EHLO example.org\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe("a request that is odd", () => {
  const odd = (...lines: readonly string[]) => exchange(messageOf([...lines, HOST, "Connection: close"]));

  it("as CONNECT has its connection ended without an answer", async () => {
    expect(await odd("CONNECT example.org:443 HTTP/1.1")).toBe("");
  });

  it("as OPTIONS of everything is answered with 404", async () => {
    expect(await odd("OPTIONS * HTTP/1.1")).toMatch(/^HTTP\/1.1 404 /);
  });

  it("as a URL in place of a path is answered with 404: we are no proxy", async () => {
    expect(await odd("POST https://example.org/validate HTTP/1.1", "Content-Length: 0")).toMatch(/^HTTP\/1.1 404 /);
  });

  it("as an upgrade is taken as what it is without one", async () => {
    const upgrade = ["Upgrade: websocket", "Connection: Upgrade, close"];
    expect(await exchange(postOf("a-uid", ...upgrade))).toMatch(/^HTTP\/1.1 200 OK\r\n.*"uid":"a-uid"/s);
  });

  it("as one that expects something else than 100-continue is answered with 417", async () => {
    expect(await exchange(postOf("a-uid", "Expect: a miracle", "Connection: close"))).toMatch(/^HTTP\/1.1 417 /);
  });

  it("as one that waits for 100-continue with a body that is too large gets 413 without sending it", async () => {
    const lines = ["POST /validate HTTP/1.1", HOST, JSON_TYPE, `Content-Length: ${1e9}`, "Expect: 100-continue"];
    const answer = await exchange(messageOf(lines));
    expect(answer).toMatch(/^HTTP\/1.1 413 |\r\n\r\nHTTP\/1.1 413 /);
  });
});

describe("a connection", () => {
  it("may carry requests one behind the other, which are answered in their order", async () => {
    const answer = await exchange(postOf("one") + postOf("two") + postOf("three", "Connection: close"));
    expect([...answer.matchAll(/"uid":"(\w+)"/g)].map(([, uid]) => uid)).toEqual(["one", "two", "three"]);
  });

  it("is not HTTP/2, whatever a client would like", async () => {
    const socket = await server.openSocket({ ALPNProtocols: ["h2", "http/1.1"] });
    expect(socket.alpnProtocol).toBe("http/1.1");
    socket.destroy();
    await expect(server.openSocket({ ALPNProtocols: ["h2"] })).rejects.toThrow(/no application protocol/);
  });

  it("of TLS 1.1 is refused", async () => {
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await expect(server.openSocket(old)).rejects.toThrow(/alert|version/);
  });

  it("for another name is refused by the client: the certificate is ours alone", async () => {
    await expect(server.openSocket({ servername: "other.policy.svc" })).rejects.toThrow(/does not match certificate/);
  });
});

describe("a caller that goes away", () => {
  const aborted = () => server.sample("portcullis_admission_errors_total", { phase: "validate", error: "aborted" });
  /** Resolves once there are so many connections, of which one is the client's own. */
  const waitForConnections = (expected: number) =>
    vi.waitFor(async () => {
      const count = await new Promise((resolve) => server.server.getConnections((_error, number) => resolve(number)));
      expect(count).toBe(expected);
    });

  it("in the middle of its body is counted, and nothing is logged", async () => {
    await server.review("/validate", requestOf());
    const before = await aborted();
    server.clearLog();
    const socket = await server.openSocket();
    socket.write(postOf("a-uid").slice(0, -10));
    await waitForConnections(2);
    socket.destroy();
    await vi.waitFor(async () => expect(await aborted()).toBe(before + 1));
    await waitForConnections(1);
    expect(server.logged()).toEqual([]);
  });

  it("before the answer does no harm", async () => {
    await server.review("/validate", requestOf());
    const socket = await server.openSocket();
    socket.write(postOf("a-uid"), () => socket.destroy());
    await once(socket, "close");
    await waitForConnections(1);
  });
});
