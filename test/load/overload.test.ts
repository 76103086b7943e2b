/** A server that has no room, behind a real API server: which asks again after each 429, as long as the webhook's timeoutSeconds. */
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createLoad } from "../../src/server/load.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { waitUntil } from "../support/installation.ts";
import { policyOf, ruleOf, verdictOf } from "../support/policies.ts";
import { type RegisterOptions, serveFor } from "../support/registered-server.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import type { TestServer } from "../support/serve.ts";

const LIMIT_MS = 30_000;
const MAX_REQUESTS = 2;
const MAX_BYTES = 1024 * 1024;
/** A second is what a 429 asks the API server to wait. */
const RETRY_MS = 1000;
const TIMEOUT_SECONDS = 3;

/** ConfigMaps that are called bad are refused. Nothing is patched, so that each write is one call. */
const judging = ruleOf(({ object }) => (object.metadata?.name === "bad" ? verdictOf({}) : verdictOf()), {
  mutates: [],
});
const POLICIES = [policyOf(judging, { match: { resources: ["configmaps"] } })];

const BODY = Buffer.from(bytesOf(reviewOf(requestOf()))).toString();
const HEAD = `POST /validate HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;

describeCluster("F-88, G-15: an API server whose call gets 429", (controlPlane) => {
  let api: ApiClient;
  let server: TestServer;
  let others: TLSSocket[] = [];
  beforeAll(() => {
    api = createApiClient(controlPlane());
  });
  afterEach(async () => {
    others = [];
    await server?.close();
  });
  afterAll(() => api?.close());

  async function create(name: string) {
    const startMs = performance.now();
    const request = { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
    const path = `${pathOf("configmaps", "default")}?dryRun=All`;
    const { status, body } = await api.send({ method: "POST", path, body: request });
    return { status, message: String(body.message ?? ""), tookMs: performance.now() - startMs };
  }

  async function start(options: RegisterOptions = {}): Promise<void> {
    const load = createLoad(() => false, { maxRequests: MAX_REQUESTS, maxBytes: MAX_BYTES });
    server = await serveFor(controlPlane(), POLICIES, { load, ...options });
    await waitUntil("the API server asks", LIMIT_MS, async () => (await create("bad")).status === 403);
  }

  const shed = () => server.sample("portcullis_shed_total", { phase: "validate", reason: "requests" });

  /** Calls whose bodies are still to come: as many as there is room for. */
  async function fill(): Promise<void> {
    while (others.length < MAX_REQUESTS) {
      const socket = await server.openSocket();
      const arrived = once(server.server, "request");
      socket.write(HEAD);
      await arrived;
      others.push(socket);
    }
  }

  async function finish(socket: TLSSocket): Promise<void> {
    socket.write(BODY);
    expect(await text(socket)).toContain('"allowed":true');
  }

  it.each([
    ["good", 201, ""],
    ["bad", 403, expect.stringMatching(/^admission webhook "validate\.portcullis\.dev" denied the request: MADE-UP /)],
  ])("comes again, and the user gets the verdict on what is %s once there is room", async (name, status, message) => {
    await start();
    await fill();
    const creating = create(name);
    await vi.waitFor(async () => expect(await shed()).toBeGreaterThanOrEqual(2), LIMIT_MS);
    await Promise.all(others.map(finish));
    const created = await creating;
    expect(created).toMatchObject({ status, message });
    expect(created.tookMs).toBeGreaterThanOrEqual(RETRY_MS);
    const whileFull = await shed();
    expect((await create(name)).status).toBe(status);
    expect(await shed(), "control: with room nobody is turned away").toBe(whileFull);
  });

  describe("and again, without there being room before timeoutSeconds", () => {
    const createInVain = async () => {
      await fill();
      const created = await create("bad");
      expect(created.tookMs).toBeGreaterThan(TIMEOUT_SECONDS * 1000 - 100);
      expect(await shed()).toBeGreaterThanOrEqual(2);
      expect(await shed()).toBeLessThanOrEqual(TIMEOUT_SECONDS + 1);
      await Promise.all(others.map(finish));
      expect((await create("bad")).status, "control: with room it is refused").toBe(403);
      return created;
    };

    it("fails the write with Fail, as a deadline that has passed", async () => {
      await start({ timeoutSeconds: TIMEOUT_SECONDS });
      expect(await createInVain()).toMatchObject({
        status: 500,
        message: expect.stringMatching(
          /failed calling webhook "validate\.portcullis\.dev": .*context deadline exceeded$/,
        ),
      });
    });

    it("admits it with Ignore", async () => {
      await start({ timeoutSeconds: TIMEOUT_SECONDS, failurePolicy: "Ignore" });
      expect(await createInVain()).toMatchObject({ status: 201 });
    });
  });
});
