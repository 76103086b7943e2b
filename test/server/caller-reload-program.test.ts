/** Another CLIENT_CA_FILE while the program runs: from one CA to the next by way of both, without a call that fails. */
import { once } from "node:events";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, vi } from "vitest";
import { type ClientPair, createClientCa } from "../support/client-certificates.ts";
import { mountConfigMap } from "../support/mounted-config-map.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { SERVER_NAME } from "./reloading-server.ts";
import { PAIR, startServing } from "./serving-program.ts";

/** The kubelet's swap is seen at once, or by the next poll, which is ten seconds later. */
const RELOAD = { timeout: 15_000, interval: 20 };
const REVIEW = bytesOf(reviewOf(requestOf()));

/** The status of one review, on a connection of its own unless there is an agent. */
async function callAs({ certPem, keyPem }: ClientPair, port: number, options: RequestOptions = {}): Promise<number> {
  const target = { host: "127.0.0.1", port, ca: PAIR.caPem, servername: SERVER_NAME, path: "/validate" };
  const headers = { "Content-Type": "application/json" };
  const pair = { cert: certPem, key: keyPem };
  const sent = httpsRequest({ ...target, ...pair, method: "POST", headers, agent: false, ...options }).end(REVIEW);
  const [response] = await once(sent, "response");
  await text(response);
  return response.statusCode;
}

it("F-19, G-20: callers of the old CA and of the new one are answered while both are in the file, and no call fails", {
  timeout: 60_000,
}, async () => {
  const [oldCa, newCa] = [createClientCa(), createClientCa()];
  const [old, next] = [oldCa.issue("kube-apiserver"), newCa.issue("kube-apiserver")];
  const mounted = mountConfigMap({ "ca.crt": oldCa.caPem });
  const server = await startServing({
    CLIENT_CA_FILE: join(mounted.directory, "ca.crt"),
    CLIENT_NAMES: "kube-apiserver",
    DRAIN_SECONDS: "0",
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const callKept = () => callAs(old, server.port, { agent });
  expect([await callKept(), await callAs(next, server.port)]).toEqual([200, 401]);

  const statuses: number[] = [];
  let caller = old;
  let isOver = false;
  const calling = (async () => {
    while (!isOver) statuses.push(await callAs(caller, server.port));
  })();
  mounted.swap({ "ca.crt": oldCa.caPem + newCa.caPem });
  await vi.waitFor(async () => expect(await callAs(next, server.port)).toBe(200), RELOAD);
  expect(await callAs(old, server.port)).toBe(200);
  caller = next;
  const countBefore = statuses.length;
  await vi.waitFor(() => expect(statuses.length).toBeGreaterThan(countBefore + 5), RELOAD);
  mounted.swap({ "ca.crt": newCa.caPem });
  await vi.waitFor(async () => expect(await callAs(old, server.port)).toBe(401), RELOAD);
  isOver = true;
  await calling;

  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(await callAs(next, server.port)).toBe(200);
  expect(await callKept(), "an open connection stays as it is").toBe(200);
  agent.destroy();
  const { body } = await server.probe("/metrics");
  expect(body).toMatch(/^portcullis_callers_refused_total\{reason="untrusted"\} [1-9]\d*$/m);

  server.signal("SIGTERM");
  const { status, stderr, lines } = await server.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const told = lines.map(({ level, msg }) => `${level}: ${msg}`).filter((line) => line.includes("CLIENT_CA_FILE"));
  expect(told).toEqual(Array(2).fill("info: callers are known by the new CLIENT_CA_FILE"));
});
