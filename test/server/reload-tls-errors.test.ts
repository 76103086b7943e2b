import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, test } from "vitest";
import type { TlsAlert } from "../../src/telemetry/metrics.ts";
import {
  call,
  issuePair,
  MINUTE_MS,
  type ReloadingServer,
  SERVER_NAME,
  startReloadingServer,
  temporaryDirectory,
} from "./reloading-server.ts";

const HAS_OPENSSL = spawnSync("openssl", ["version"]).status === 0;

function countOf(server: ReloadingServer, alert: TlsAlert): Promise<number | undefined> {
  return server.sample("portcullis_tls_client_errors_total", { alert });
}

/** Node's client only closes the connection where it distrusts; this one says why, as the API server does. */
async function connectWithOpenssl(port: number, caPem: string, hostname = SERVER_NAME): Promise<void> {
  const caFile = join(temporaryDirectory(), "ca.crt");
  writeFileSync(caFile, caPem);
  const target = ["-connect", `127.0.0.1:${port}`, "-servername", hostname, "-verify_hostname", hostname];
  const child = spawn("openssl", ["s_client", ...target, "-verify_return_error", "-CAfile", caFile], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  await once(child, "close");
}

describe.skipIf(!HAS_OPENSSL)(
  "a client that doesn't accept the certificate is counted (skipped without openssl)",
  () => {
    test("as unknown_ca where it doesn't know the CA", async () => {
      const server = await startReloadingServer(issuePair());
      await connectWithOpenssl(server.port, issuePair().caPem);
      await expect.poll(() => countOf(server, "unknown_ca")).toBe(1);
      expect(server.logged()).toEqual([
        expect.objectContaining({ level: "warn", alert: "unknown_ca", remoteAddress: "127.0.0.1" }),
      ]);
    });

    test("as bad_certificate where the name is another", async () => {
      const pair = issuePair();
      const server = await startReloadingServer(pair);
      await connectWithOpenssl(server.port, pair.caPem, "another.policy.svc");
      await expect.poll(() => countOf(server, "bad_certificate")).toBe(1);
    });

    test("as certificate_expired", async () => {
      const pair = issuePair({ untilMs: -MINUTE_MS });
      const server = await startReloadingServer(pair);
      await connectWithOpenssl(server.port, pair.caPem);
      await expect.poll(() => countOf(server, "certificate_expired")).toBe(1);
    });
  },
);

test.each(["TLSv1", "TLSv1.1"] as const)(
  "F-2: a client of %s is refused, and counted as protocol_version",
  async (version) => {
    const pair = issuePair();
    const server = await startReloadingServer(pair);
    const socket = connect({
      host: "127.0.0.1",
      port: server.port,
      ca: pair.caPem,
      minVersion: version,
      maxVersion: version,
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    const [error] = await once(socket, "error");
    expect(error.message).toMatch(/alert protocol version/);
    await expect.poll(() => countOf(server, "protocol_version")).toBe(1);
    expect((await call(server.port, { ca: pair.caPem })).body).toBe("ok");
  },
);

test("F-1: what is no TLS is counted as other, told in a line and ended; the server goes on", async () => {
  const pair = issuePair();
  const server = await startReloadingServer(pair);
  const socket = connectPlain(server.port, "127.0.0.1");
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.write("GET / HTTP/1.1\r\nHost: portcullis\r\n\r\n");
  let answer = "";
  socket.on("data", (bytes: Buffer) => {
    answer += bytes.toString("latin1");
  });
  socket.on("error", () => undefined);
  await ended;
  expect(answer).not.toContain("HTTP");
  await expect.poll(() => countOf(server, "other")).toBe(1);
  expect(server.logged()).toEqual([
    expect.objectContaining({ level: "warn", alert: "other", code: "ERR_SSL_HTTP_REQUEST" }),
  ]);
  expect(JSON.stringify(server.logged())).not.toMatch(/stack|\bat /);
  expect((await call(server.port, { ca: pair.caPem })).body).toBe("ok");
});

describe("alerts", () => {
  const fail = ({ server }: ReloadingServer, number: number) => {
    const error = new Error(`ssl3_read_bytes: an alert:SSL alert number ${number}\n`);
    server.emit("tlsClientError", error, { remoteAddress: "10.0.0.1", destroy: () => undefined });
  };

  test.each([
    [42, "bad_certificate"],
    [45, "certificate_expired"],
    [46, "certificate_unknown"],
    [48, "unknown_ca"],
    [70, "protocol_version"],
    [40, "other"],
    [480, "other"],
  ] as const)("%i is %s", async (number, alert) => {
    const server = await startReloadingServer(issuePair());
    expect(await countOf(server, alert)).toBe(0);
    fail(server, number);
    expect(await countOf(server, alert)).toBe(1);
  });

  test("are all counted, and logged once a minute each", async () => {
    const server = await startReloadingServer(issuePair());
    for (let i = 0; i < 10; i++) fail(server, 42);
    fail(server, 48);
    server.passTime(MINUTE_MS - 1);
    fail(server, 42);
    expect(server.logged().map(({ alert }) => alert)).toEqual(["bad_certificate", "unknown_ca"]);
    server.passTime(1);
    fail(server, 42);
    expect(server.logged().map(({ alert }) => alert)).toEqual(["bad_certificate", "unknown_ca", "bad_certificate"]);
    expect(await countOf(server, "bad_certificate")).toBe(12);
  });
});
