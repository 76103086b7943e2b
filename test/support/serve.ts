/**
 * The HTTPS server in this process, with real certificates, and a client that verifies them as the API server does.
 * Every answer that the client gets has been through `verifyResponse`.
 */
import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { expect } from "vitest";
import type { AdmissionResponse } from "../../src/admission/types.ts";
import type { Phase, Policy } from "../../src/policy/policy.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { createAdmissionListener } from "../../src/server/app.ts";
import { createBatch } from "../../src/server/batch.ts";
import { checkCallers } from "../../src/server/caller.ts";
import { type AdmissionServerOptions, createAdmissionServer, listen } from "../../src/server/listen.ts";
import { createLoad, type Load } from "../../src/server/load.ts";
import { limitLogRate } from "../../src/server/log-rate.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.ts";
import { createRecorder } from "../../src/telemetry/recorder.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import type { ServiceNames } from "../../src/tls/profile.ts";
import { bytesOf, reviewOf } from "./reviews.ts";
import { verifyResponse } from "./verify-response.ts";

const HOUR_MS = 60 * 60 * 1000;
const NAMES = { service: "portcullis", namespace: "policy" };

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Message {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export interface TestServer {
  readonly server: ReturnType<typeof createAdmissionServer>;
  readonly metrics: Metrics;
  readonly caPem: string;
  /** The policies, the wall clock and the drain, as they are from now on. */
  use(change: { readonly policies?: readonly Policy[]; readonly now?: Date; readonly draining?: boolean }): void;
  /** Sends anything, by default a POST of JSON. The answer may be any, but has to be a good one of its sort. */
  send(path: string, message?: Message): Promise<Answer>;
  /** Posts the request of a review, and returns the response; anything but a verdict fails the test. */
  review(path: string, request: Readonly<Record<string, unknown>>): Promise<AdmissionResponse>;
  /** A connection on which the test writes HTTP, or something like it, itself. */
  openSocket(options?: ConnectionOptions): Promise<TLSSocket>;
  /** What has been logged so far, a line each; `clear` forgets it. */
  logged(): readonly Readonly<Record<string, unknown>>[];
  clearLog(): void;
  /** A sample of /metrics; 0 where there is none. */
  sample(name: string, labels: Readonly<Record<string, string>>): Promise<number>;
  close(): Promise<void>;
}

export interface ServeOptions extends AdmissionServerOptions {
  /** Whom the certificate is for. */
  readonly names?: ServiceNames;
  readonly load?: Load;
  /** The CA that vouches for callers, and the common names of those that are answered. */
  readonly clients?: { readonly caPem: string; readonly names: readonly string[] };
}

/** `rules`: those that policies in a ConfigMap may name. `options`: limits, where they aren't those that are shipped. */
export async function serve(
  initialPolicies: readonly Policy[],
  rules: readonly Rule[] = [],
  { names = NAMES, load = createLoad(() => false), clients, ...options }: ServeOptions = {},
): Promise<TestServer> {
  const pair = issueCertificates({
    names,
    podUid: "test",
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + HOUR_MS),
  });
  let index = indexPolicies(initialPolicies, rules);
  let now = new Date("2026-11-21T12:00:00Z");
  let draining = false;
  let lines: string[] = [];
  const metrics = createMetrics();
  const logger = createLogger("server", "debug", { write: (line) => lines.push(line) });
  const server = createAdmissionServer(
    { ...pair, clientCaPem: clients?.caPem },
    createAdmissionListener({
      policies: () => index,
      recorder: createRecorder(logger, metrics),
      metrics,
      logger,
      load,
      batch: createBatch(),
      mayLog: limitLogRate(),
      checkCaller: clients && checkCallers(clients.names),
      now: () => now,
      isDraining: () => draining,
    }),
    { onEvicted: metrics.connectionEvicted, ...options },
  );
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await listen(server, 0, "127.0.0.1");
  const { port } = server.address() as AddressInfo;
  const target = { host: "127.0.0.1", port, ca: pair.caPem, servername: `${names.service}.${names.namespace}.svc` };
  // The API server's transport: idle connections are kept, and used again.
  const agent = new Agent({ keepAlive: true });

  async function send(path: string, { method = "POST", headers, body = "" }: Message = {}): Promise<Answer> {
    const type = method === "POST" ? { "Content-Type": "application/json" } : {};
    const sent = httpsRequest({ ...target, agent, method, path, headers: { ...type, ...headers } });
    sent.end(body);
    const [response] = await once(sent, "response");
    // Of a large body that was refused not all has been sent.
    sent.on("error", () => {});
    const answer = { status: response.statusCode, headers: response.headers, body: await text(response) };
    if (answer.status === 200) checkVerdict(path, body, answer);
    else checkFailure(answer, method);
    return answer;
  }

  return {
    server,
    metrics,
    caPem: pair.caPem,
    send,
    use(change) {
      if (change.policies) index = indexPolicies(change.policies, rules);
      now = change.now ?? now;
      draining = change.draining ?? draining;
    },
    async review(path, request) {
      const { status, body } = await send(path, { body: bytesOf(reviewOf(request)) });
      expect(status).toBe(200);
      return JSON.parse(body).response;
    },
    async openSocket(options) {
      const socket = connect({ ...target, ...options });
      await once(socket, "secureConnect");
      return socket;
    },
    logged: () => lines.map((line) => JSON.parse(line)),
    clearLog() {
      lines = [];
    },
    async sample(name, labels) {
      const metric = await metrics.registry.getSingleMetric(name)?.get();
      const found = metric?.values.find(({ labels: own }) =>
        Object.entries(labels).every(([label, value]) => own[label] === value),
      );
      return found?.value ?? 0;
    },
    async close() {
      agent.destroy();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function checkVerdict(path: string, sent: Uint8Array | string, { status, headers, body }: Answer): void {
  const phase: Phase = path.startsWith("/mutate") ? "mutate" : "validate";
  const { uid, object } = JSON.parse(Buffer.from(sent).toString()).request;
  expect(verifyResponse({ phase, uid, object, status, contentType: headers["content-type"], body })).toEqual([]);
}

/** What is no verdict must look like none, lead nowhere, and say no more than a Status does. */
function checkFailure({ status, headers, body }: Answer, method: string): void {
  expect(verifyResponse({ phase: "validate", uid: "", status, body })).toEqual([
    `the call failed with status ${status}`,
  ]);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(headers).not.toHaveProperty("location");
  expect(headers).not.toHaveProperty("x-powered-by");
  if (method === "HEAD") return;
  expect(headers["content-type"]).toMatch(/^application\/json(; charset=utf-8)?$/);
  expect(JSON.parse(body)).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: expect.any(String),
    code: status,
  });
}
