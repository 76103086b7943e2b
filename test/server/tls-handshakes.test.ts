/** Clients that ask for another name than ours, or for another protocol. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { requestOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";
import { answerToHello, clientHelloOf } from "./client-hello.ts";

const server = await serve([policyOf(ruleThatFinds())]);
afterAll(() => server.close());
afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(true));

let port: number;
let certificate: Buffer;
beforeAll(async () => {
  const socket = await server.openSocket();
  port = socket.remotePort ?? 0;
  certificate = socket.getPeerCertificate().raw;
  socket.destroy();
});

describe("F-3: a client that asks for", () => {
  it.each<[string, string | undefined]>([
    ["no name", undefined],
    ["a name that nobody has", "unknown.example.org"],
    ["an IP address, which no name may be", "10.96.0.10"],
    ["a name of 255 characters", "a".repeat(255)],
    ["an empty name", ""],
  ])("%s gets the one certificate that there is", async (_what, name) => {
    const answer = await answerToHello(
      port,
      clientHelloOf(name === undefined ? undefined : Buffer.from(name)),
      certificate,
    );
    expect(answer.includes(certificate)).toBe(true);
  });

  it.each<[string, string]>([
    ["a name of 1 kB", "a".repeat(1024)],
    ["a name with a NUL in it", "a\0b"],
  ])("%s is refused with an alert", async (_what, name) => {
    const answer = await answerToHello(port, clientHelloOf(Buffer.from(name)), certificate);
    const [type, , , , , level] = answer;
    expect({ type, level }).toEqual({ type: 21, level: 2 });
    expect(answer).toHaveLength(7);
  });
});

describe("F-15: HTTP/2", () => {
  it("is not what a client gets that would take HTTP/1.1 too", async () => {
    const socket = await server.openSocket({ ALPNProtocols: ["h2", "http/1.1"] });
    expect(socket.alpnProtocol).toBe("http/1.1");
    socket.destroy();
  });

  it("is refused where a client wants nothing else", async () => {
    await expect(server.openSocket({ ALPNProtocols: ["h2"] })).rejects.toThrow(/no application protocol/);
  });

  it.each<[string, string[]]>([
    ["agreed on HTTP/1.1", ["http/1.1"]],
    ["wasn't asked for a protocol", []],
  ])("is no HTTP to a server that %s: streams can't be opened and reset", async (_how, ALPNProtocols) => {
    const socket = await server.openSocket({ ALPNProtocols });
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const settings = Buffer.from("000000040000000000", "hex");
    const reset = Buffer.from("00000403000000000100000008", "hex");
    let answer = "";
    socket
      .on("error", () => undefined)
      .on("data", (chunk: Buffer) => {
        answer += chunk.toString("latin1");
      });
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.write(Buffer.concat([preface, settings, ...Array<Buffer>(1000).fill(reset)]));
    await ended;
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\nConnection: close\r\n\r\n$/);
  });
});

it("a client that wants another name refuses us: the certificate is for one name alone", async () => {
  await expect(server.openSocket({ servername: "other.policy.svc" })).rejects.toThrow(/does not match certificate/);
});
