/** The server as a process: how it starts, what it says when it can't, and how it ends. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it, vi } from "vitest";
import { writePair } from "../../src/tls/files.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { bytesOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { postReview, type ServerProgram, startServer } from "../support/server-program.ts";
import { verifyResponse } from "../support/verify-response.ts";

const POLICY_DIR = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
const NAMES = { service: "portcullis", namespace: "policy" };
const HOUR_MS = 60 * 60 * 1000;

function issue({ validMs = HOUR_MS } = {}) {
  const now = Date.now();
  return issueCertificates({
    names: NAMES,
    podUid: "test",
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(now - 2 * HOUR_MS),
    notAfter: new Date(now + validMs),
  });
}

const PAIR = issue();

const root = mkdtempSync(join(tmpdir(), "portcullis-program-"));
const started: ServerProgram[] = [];
afterAll(() => {
  for (const server of started) server.signal("SIGKILL");
  rmSync(root, { recursive: true });
});

function directoryOf(files: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(join(root, "directory-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

/** A directory as init leaves it. */
function certDirOf(pair: ReturnType<typeof issue>): string {
  const directory = directoryOf();
  writePair(directory, pair, new Date());
  return directory;
}

function post(port: number) {
  return postReview(port, PAIR.caPem, `${NAMES.service}.${NAMES.namespace}.svc`, bytesOf(reviewOf(requestOf())));
}

async function start(env: Readonly<Record<string, string>>): Promise<ServerProgram> {
  const server = await startServer(env);
  started.push(server);
  return server;
}

async function startServing(env: Readonly<Record<string, string>> = {}): Promise<ServerProgram> {
  const server = await start({ CERT_DIR: certDirOf(PAIR), POLICY_DIR, ...env });
  await server.answering();
  return server;
}

describe.concurrent("a server that can't start says why, and what to do", () => {
  async function endingOf(env: Readonly<Record<string, string>>) {
    const { status, stderr, lines } = await (await start(env)).ended;
    expect(lines).toEqual([]);
    return { status, stderr };
  }

  it("with every wrong setting at once: status 2", async () => {
    const { status, stderr } = await endingOf({
      PORT: "https",
      HEALTH_PORT: "0",
      DRAIN_SECONDS: "-1",
      LOG_LEVEL: "loud",
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^SETTINGS: 4 problems\n {2}PORT must.*\n {2}HEALTH_PORT must.*\n {2}DRAIN_SECONDS must.*\n {2}LOG_LEVEL must/,
    );
    expect(stderr).not.toContain("    at ");
  });

  it("F-85: with the place of each wrong field of its policies: status 2", async () => {
    const policyDir = directoryOf({ "a.yaml": "kind: Policy\nspec: { rule: requiredlabels }\n" });
    const { status, stderr } = await endingOf({ POLICY_DIR: policyDir });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^POLICIES: 3 problems\n/);
    expect(stderr).toContain(`${policyDir}/a.yaml:2:15: spec.rule: must be one of `);
    expect(stderr).toContain("did you mean required-labels?");
  });

  it("F-85: without policies: status 2", async () => {
    const { status, stderr } = await endingOf({ POLICY_DIR: directoryOf() });
    expect(status).toBe(2);
    expect(stderr).toContain("holds no policy");
  });

  it("F-97: without certificates: status 1", async () => {
    const { status, stderr } = await endingOf({ POLICY_DIR, CERT_DIR: directoryOf() });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^CERTIFICATES: there are no certificates in /);
  });

  it.each<[string, object]>([
    ["of two pairs", { keyPem: issue().keyPem }],
    ["cut short", { keyPem: PAIR.keyPem.slice(0, 100) }],
    ["of a CA that signed another", { caPem: issue().caPem }],
    ["that are garbage", { certPem: "garbage" }],
  ])("F-97: with certificates %s: status 1, and never the key", async (_name, parts) => {
    const pair = { ...PAIR, ...parts };
    const { status, stderr } = await endingOf({ POLICY_DIR, CERT_DIR: certDirOf(pair) });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^CERTIFICATES: .*can't be served/);
    expect(stderr).not.toContain(pair.keyPem.split("\n")[1]);
  });

  it("with a port that is taken: status 1", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { readonly port: number };
    const server = await start({ POLICY_DIR, CERT_DIR: certDirOf(PAIR), PORT: String(port) });
    const { status, stderr } = await server.ended;
    expect(status).toBe(1);
    expect(stderr).toContain(`LISTEN: can't listen on 127.0.0.1, port ${port}: EADDRINUSE`);
    other.close();
  });
});

describe.concurrent("a server", () => {
  it("serves, ready, with metrics, and ends with status 0 after the drain", async () => {
    const server = await startServing({ DRAIN_SECONDS: "1", LOG_LEVEL: "debug" });
    expect(await server.probe("/readyz")).toEqual({ status: 200, body: "ok\n" });
    const open = await post(server.port);
    expect(verifyResponse({ ...open, phase: "validate", uid: UID })).toEqual([]);
    expect(open.connection).toBe("keep-alive");
    expect((await server.probe("/metrics")).body).toMatch(
      /^portcullis_certificate_not_after_seconds\{kind="leaf"\} \d+$/m,
    );

    server.signal("SIGTERM");
    await vi.waitFor(async () => {
      expect(await server.probe("/readyz")).toEqual({ status: 503, body: "not ready: draining\n" });
    });
    expect((await server.probe("/healthz")).status).toBe(200);
    const draining = await post(server.port);
    expect(verifyResponse({ ...draining, phase: "validate", uid: UID })).toEqual([]);
    expect(draining.connection).toBe("close");

    const { status, stderr, lines } = await server.ended;
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(lines.map(({ msg }) => msg)).toEqual(["serving", "review", "draining", "review", "closed"]);
    await expect(once(connect(server.port, "127.0.0.1"), "connect")).rejects.toThrow("ECONNREFUSED");
  });

  it("F-99: whose certificate has expired is alive and not ready, and says which", async () => {
    const server = await startServing({ CERT_DIR: certDirOf(issue({ validMs: -HOUR_MS })) });
    expect((await server.probe("/healthz")).status).toBe(200);
    const { status, body } = await server.probe("/readyz");
    expect(status).toBe(503);
    expect(body).toMatch(/^not ready: the certificate expired at .*\nnot ready: its CA expired at .*\n$/);
  });
});
