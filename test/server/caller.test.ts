/** With CLIENT_CA_FILE and CLIENT_NAMES: who gets an answer. */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { ConnectionOptions } from "node:tls";
import { afterAll, describe, expect, it } from "vitest";
import { createClientCa } from "../support/client-certificates.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const clientCa = createClientCa();
const clients = { caPem: clientCa.caPem, names: ["kube-apiserver", "second-api-server"] };
const server = await serve([policyOf(ruleThatFinds())], [], { clients });
const open = await serve([policyOf(ruleThatFinds())]);
afterAll(() => Promise.all([server.close(), open.close()]));

const HOUR_MS = 60 * 60 * 1000;
const BODY = Buffer.from(bytesOf(reviewOf(requestOf()))).toString();
const TYPE = "Host: a\r\nContent-Type: application/json\r\nConnection: close";
const POST = `POST /validate HTTP/1.1\r\n${TYPE}\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

function as({ certPem, keyPem }: ReturnType<typeof clientCa.issue>): ConnectionOptions {
  return { cert: certPem, key: keyPem };
}

async function exchange(message: string, options?: ConnectionOptions): Promise<string> {
  const socket = await server.openSocket(options);
  socket.write(message);
  return await text(socket);
}

const refused = (reason: string) => server.sample("portcullis_callers_refused_total", { reason });

describe("F-19: a caller with a certificate that CLIENT_CA_FILE vouches for", () => {
  it.each(clients.names)("and a name of CLIENT_NAMES gets its answer: %s", async (name) => {
    const answer = await exchange(POST, as(clientCa.issue(name)));
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(answer).toContain(`"uid":"${UID}","allowed":true`);
  });
});

describe("F-19: a caller without one gets 401 and nothing else", () => {
  const known = () => clientCa.issue("kube-apiserver");
  it.each<[string, string, () => ConnectionOptions]>([
    ["none at all", "no-certificate", () => ({})],
    ["one of another CA", "untrusted", () => as(createClientCa().issue("kube-apiserver"))],
    ["one that has expired", "untrusted", () => as(clientCa.issue("kube-apiserver", -HOUR_MS))],
    ["another name", "name", () => as(clientCa.issue("kubelet"))],
    ["a name that only begins like one", "name", () => as(clientCa.issue("kube-apiserver-2"))],
    ["a name in other letters", "name", () => as(clientCa.issue("Kube-APIserver"))],
    ["all the names in one", "name", () => as(clientCa.issue(clients.names.join(",")))],
  ])("with %s", async (_name, reason, options) => {
    const before = await refused(reason);
    const answer = await exchange(POST, options());
    expect(answer).toMatch(/^HTTP\/1.1 401 Unauthorized\r\n.*\r\nConnection: close\r\n/s);
    expect(answer).not.toContain(UID);
    expect(await refused(reason)).toBe(before + 1);
  });

  it.each(["GET /validate", "POST /nothing", "GET /metrics", "OPTIONS *"])("whatever it asks: %s", async (line) => {
    expect(await exchange(`${line} HTTP/1.1\r\n${TYPE}\r\n\r\n`)).toMatch(/^HTTP\/1.1 401 /);
    expect(await exchange(`${line} HTTP/1.1\r\n${TYPE}\r\n\r\n`, as(known()))).toMatch(/^HTTP\/1.1 40[45] /);
  });

  it("and its body isn't read", async () => {
    const socket = await server.openSocket();
    socket.write(`POST /validate HTTP/1.1\r\n${TYPE}\r\nContent-Length: 30000000\r\n\r\n`);
    expect(String(await once(socket, "data"))).toMatch(/^HTTP\/1.1 401 /);
    await once(socket.resume(), "close");
  });

  it("not even with the session of somebody who had one: it is not resumed", async () => {
    const first = await server.openSocket(as(known()));
    const sessions: Buffer[] = [];
    first.on("session", (session) => sessions.push(session));
    first.write(POST);
    expect(await text(first)).toMatch(/^HTTP\/1.1 200 /);
    for (const session of sessions) expect(await exchange(POST, { session })).toMatch(/^HTTP\/1.1 401 /);
    expect(sessions.length).toBeGreaterThan(0);
  });

  it("is logged with where it came from, a line for each reason", async () => {
    const fresh = await serve([policyOf(ruleThatFinds())], [], { clients });
    for (let count = 0; count < 3; count++) {
      const socket = await fresh.openSocket();
      socket.write(POST);
      await text(socket);
    }
    expect(fresh.logged()).toMatchObject([
      { level: "warn", status: 401, error: "caller no-certificate", remoteAddress: "127.0.0.1" },
    ]);
    await fresh.close();
  });
});

it("without CLIENT_CA_FILE nobody is asked for a certificate", async () => {
  const connected = once(open.server, "secureConnection");
  const socket = await open.openSocket(as(clientCa.issue("kube-apiserver")));
  const [secure] = await connected;
  expect(secure.getPeerX509Certificate()).toBeUndefined();
  socket.write(POST);
  expect(await text(socket)).toMatch(/^HTTP\/1.1 200 /);
});
