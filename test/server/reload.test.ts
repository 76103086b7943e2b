/** A new pair in the directory, seen from outside: by TLS clients, the probe and the metrics. */
import { Agent } from "node:https";
import tls, { type ConnectionOptions, connect } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { readCertificates } from "../../src/tls/inspect.ts";
import type { CertificatePair } from "../../src/tls/profile.ts";
import { call, countReloads, issuePair, MINUTE_MS, SERVER_NAME, startReloadingServer } from "./reloading-server.ts";

const REJECTED = /unable to verify|self-signed certificate/;

function endOf(pem: string): Date {
  const [certificate] = readCertificates(pem).certificates;
  if (!certificate) throw new Error("not a certificate");
  return certificate.notAfter;
}

describe("a new pair", () => {
  test("is what new handshakes get, while an open connection goes on with the old", async () => {
    const [old, next] = [issuePair(), issuePair()];
    const server = await startReloadingServer(old);
    const agent = new Agent({ keepAlive: true });
    const before = await call(server.port, { ca: old.caPem, agent });

    server.write(next);
    await expect.poll(() => countReloads(server)).toEqual([1, 0]);

    const fresh = await call(server.port, { ca: next.caPem });
    expect(fresh.certificate.fingerprint256).not.toBe(before.certificate.fingerprint256);
    await expect(call(server.port, { ca: old.caPem })).rejects.toThrow(REJECTED);
    const kept = await call(server.port, { ca: old.caPem, agent });
    expect(kept).toMatchObject({ body: "ok", reused: true });
    agent.destroy();
  });

  test("moves the gauges of both certificates", async () => {
    const [old, next] = [issuePair(), issuePair({ untilMs: 90 * MINUTE_MS })];
    const server = await startReloadingServer(old);
    const gauges = async () => [
      await server.sample("portcullis_certificate_not_after_seconds", { kind: "leaf" }),
      await server.sample("portcullis_certificate_not_after_seconds", { kind: "ca" }),
    ];
    const seconds = (pem: string) => endOf(pem).getTime() / 1000;
    expect(await gauges()).toEqual([seconds(old.certPem), seconds(old.caPem)]);
    server.write(next);
    await expect.poll(() => countReloads(server)).toEqual([1, 0]);
    expect(await gauges()).toEqual([seconds(next.certPem), seconds(next.caPem)]);
    expect(server.logged()).toMatchObject([{ level: "info", certificateNotAfter: endOf(next.certPem).toISOString() }]);
  });

  test("leaves the other TLS options as they were", async () => {
    // Node's own defaults are the same as ours: others show who it is that decides.
    const { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS } = tls;
    onTestFinished(() => void Object.assign(tls, { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS }));
    Object.assign(tls, { DEFAULT_MIN_VERSION: "TLSv1", DEFAULT_CIPHERS: "DEFAULT@SECLEVEL=0" });
    const [old, next] = [issuePair(), issuePair()];
    const server = await startReloadingServer(old);
    server.write(next);
    await expect.poll(() => countReloads(server)).toEqual([1, 0]);
    const handshake = (options: ConnectionOptions) =>
      new Promise<string>((resolve, reject) => {
        const target = { host: "127.0.0.1", port: server.port, servername: SERVER_NAME, ca: next.caPem };
        const socket = connect({ ...target, ...options }, () => {
          resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`);
          socket.destroy();
        });
        socket.once("error", reject);
      });
    const onlyTls11 = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await expect(handshake(onlyTls11)).rejects.toThrow(/protocol version/);
    expect(await handshake({ maxVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] })).toBe("TLSv1.2 http/1.1");
  });

  test("is found without any event, by the poll", async () => {
    const [old, next] = [issuePair(), issuePair()];
    const silent = { on: () => undefined, close: () => undefined };
    const server = await startReloadingServer(old, { pollMs: 50, watchDirectory: () => silent });
    server.write(next);
    await expect.poll(() => countReloads(server)).toEqual([1, 0]);
    expect((await call(server.port, { ca: next.caPem })).body).toBe("ok");
  });
});

describe("F-98: what can't be served", () => {
  const other = issuePair();
  test.each<[string, (next: CertificatePair) => CertificatePair, RegExp]>([
    ["the key of another pair", (next) => ({ ...next, keyPem: other.keyPem }), /private key does not belong/],
    ["the CA of another pair", (next) => ({ ...next, caPem: other.caPem }), /not signed by the CA/],
    ["a truncated certificate", (next) => ({ ...next, certPem: next.certPem.slice(0, 200) }), /not a certificate/],
    ["a truncated key", (next) => ({ ...next, keyPem: next.keyPem.slice(0, 60) }), /private key is not/],
    ["garbage", () => ({ caPem: "\0", certPem: "garbage", keyPem: "" }), /not a certificate/],
    ["nothing", () => ({ caPem: "", certPem: "", keyPem: "" }), /not a certificate/],
    ["a pair that has expired", () => issuePair({ untilMs: -MINUTE_MS }), /the certificate expired at/],
    ["a pair of the future", () => issuePair({ fromMs: MINUTE_MS }), /the certificate is not valid before/],
  ])("%s is refused, once, and the old pair served on", async (_, spoil, reason) => {
    const old = issuePair();
    const server = await startReloadingServer(old, { debounceMs: 10, pollMs: 30 });
    const next = issuePair();
    server.write(spoil(next));
    await expect.poll(() => countReloads(server)).toEqual([0, 1]);
    await new Promise((resolve) => setTimeout(resolve, 150));

    expect(await countReloads(server)).toEqual([0, 1]);
    expect(server.logged()).toMatchObject([{ level: "error", reason: expect.stringMatching(reason) }]);
    expect(JSON.stringify(server.logged())).not.toContain("PRIVATE KEY");
    expect((await call(server.port, { ca: old.caPem })).body).toBe("ok");
    expect(await server.readyz()).toEqual([200, "ok\n"]);

    const lastWasGood = () => server.sample("portcullis_last_reload_successful", { files: "certificate" });
    expect(await lastWasGood()).toBe(0);
    server.write(old);
    await expect.poll(lastWasGood).toBe(1);
    expect(await countReloads(server)).toEqual([0, 1]);

    server.write(next);
    await expect.poll(() => countReloads(server)).toEqual([1, 1]);
    expect((await call(server.port, { ca: next.caPem })).body).toBe("ok");
  });
});

describe("F-99: readiness", () => {
  test("is lost with a pair that has expired, and comes back with a new one", async () => {
    const expired = issuePair({ untilMs: -MINUTE_MS });
    const server = await startReloadingServer(expired);
    const at = (pem: string) => endOf(pem).toISOString();
    expect(await server.readyz()).toEqual([
      503,
      `not ready: the certificate expired at ${at(expired.certPem)}\nnot ready: its CA expired at ${at(expired.caPem)}\n`,
    ]);
    expect(await countReloads(server)).toEqual([0, 0]);
    server.write(issuePair());
    await expect.poll(() => server.readyz()).toEqual([200, "ok\n"]);
  });

  test("is lost at the very moment of expiry, and waits for notBefore", async () => {
    const server = await startReloadingServer(issuePair({ untilMs: 3000 }));
    expect(await server.readyz()).toEqual([200, "ok\n"]);
    await expect.poll(async () => (await server.readyz())[0], { timeout: 5000 }).toBe(503);
    const early = await startReloadingServer(issuePair({ fromMs: 2000 }));
    expect(await early.readyz()).toEqual([
      503,
      expect.stringContaining("not ready: the certificate is not valid before"),
    ]);
    await expect.poll(() => early.readyz(), { timeout: 4000 }).toEqual([200, "ok\n"]);
  });
});

/** As the API server has them, in what init leaves of the caBundle: every CA before its certificate is served. */
async function callUntil(stop: AbortSignal, port: number, ca: readonly string[]): Promise<readonly string[]> {
  const outcomes: string[] = [];
  while (!stop.aborted) {
    outcomes.push(
      await call(port, { ca }).then(
        ({ body, certificate }) => `${body} ${certificate.fingerprint256}`,
        (error: Error) => `failed: ${error.message}`,
      ),
    );
  }
  return outcomes;
}

test("50 swaps lose no call of clients that open a connection for each and trust old and new", async () => {
  const SWAPS = 50;
  const [first = issuePair(), ...later] = Array.from({ length: SWAPS + 1 }, () => issuePair());
  const server = await startReloadingServer(first);
  const ca = [first, ...later].map(({ caPem }) => caPem);
  const stop = new AbortController();
  const clients = [1, 2, 3, 4].map(() => callUntil(stop.signal, server.port, ca));
  for (const [index, next] of later.entries()) {
    server.write(next);
    await expect.poll(() => countReloads(server), { interval: 5 }).toEqual([index + 1, 0]);
  }
  stop.abort();
  const outcomes = (await Promise.all(clients)).flat();
  expect(outcomes.filter((outcome) => !outcome.startsWith("ok "))).toEqual([]);
  // Else the test would see nothing: the clients must have met most of the pairs.
  expect(new Set(outcomes).size).toBeGreaterThan(SWAPS / 2);
}, 60_000);

test("the same load fails where the new CA is not trusted before its certificate is served", async () => {
  const [old, next] = [issuePair(), issuePair()];
  const server = await startReloadingServer(old);
  const stop = new AbortController();
  const client = callUntil(stop.signal, server.port, [old.caPem]);
  server.write(next);
  await expect.poll(() => countReloads(server)).toEqual([1, 0]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  stop.abort();
  expect(await client).toContainEqual(expect.stringMatching(REJECTED));
});
