/** CLIENT_CA_FILE is replaced by what can't be used, and beside a new certificate of the server's own. */
import { once } from "node:events";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, it, onTestFinished, vi } from "vitest";
import { checkCallers } from "../../src/server/caller.ts";
import { createAdmissionServer, listen } from "../../src/server/listen.ts";
import { serveTls } from "../../src/server/served-tls.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { readClientCa } from "../../src/tls/client-ca.ts";
import { writePair } from "../../src/tls/files.ts";
import { readServingPair } from "../../src/tls/serving.ts";
import { type ClientPair, createClientCa } from "../support/client-certificates.ts";
import { issuePair, SERVER_NAME, temporaryDirectory } from "./reloading-server.ts";

const clientCa = createClientCa();
const known = clientCa.issue("kube-apiserver");
const untrusted = createClientCa().issue("kube-apiserver");
const LOADED = "callers are known by the new CLIENT_CA_FILE";
const REFUSED = "the new CLIENT_CA_FILE is refused, and the old one used on";

/** Answers with why a caller is refused, or `known`. */
async function start() {
  const [directory, file] = [temporaryDirectory(), join(temporaryDirectory(), "ca.crt")];
  writePair(directory, issuePair(), new Date());
  writeFileSync(file, clientCa.caPem);
  const lines: string[] = [];
  const logger = createLogger("server", "info", { write: (line) => lines.push(line) });
  const first = readServingPair(directory);
  const current = { file, pem: readClientCa(file) };
  const check = checkCallers(["kube-apiserver"]);
  const server = createAdmissionServer({ ...first, clientCaPem: current.pem }, (request, response) => {
    response.setHeader("Connection", "close").end(check(request.socket) ?? "known");
  });
  const metrics = createMetrics();
  const followed = { directory, first, clientCa: current, server, metrics, logger, now: () => new Date() };
  const served = serveTls({ ...followed, debounceMs: 10, pollMs: 200 });
  await listen(server, 0, "127.0.0.1");
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    served.stop();
    server.closeAllConnections();
    server.close();
  });
  return {
    file,
    writePair: (pair: ReturnType<typeof issuePair>) => writePair(directory, pair, new Date()),
    /** Level, message and reason of each line so far. */
    told: () => lines.map((line) => JSON.parse(line)).map(({ level, msg, reason }) => [level, msg, reason]),
    /** By the gauge that an alert can watch. */
    async lastWasGood() {
      const values = (await metrics.registry.getSingleMetric("portcullis_last_reload_successful")?.get())?.values;
      return values?.find(({ labels }) => labels.files === "client_ca")?.value;
    },
    /** How the server takes a caller, and with which certificate. */
    async ask({ certPem, keyPem }: ClientPair) {
      const target = { host: "127.0.0.1", port, servername: SERVER_NAME, rejectUnauthorized: false };
      const socket = connect({ ...target, cert: certPem, key: keyPem });
      await once(socket, "secureConnect");
      const certificate = socket.getPeerX509Certificate()?.toString();
      socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      let answer = "";
      for await (const chunk of socket) answer += chunk;
      return { body: answer.split("\r\n\r\n")[1], certificate };
    },
  };
}

it.each<[string, (file: string) => void, RegExp]>([
  ["is empty", (file) => replace(file, ""), /must hold certificates in PEM, and nothing else$/],
  ["is no PEM", (file) => replace(file, "ca"), /must hold certificates in PEM, and nothing else$/],
  ["holds a broken one too", (file) => replace(file, clientCa.caPem + broken()), /must hold certificates/],
  ["is gone", (file) => rmSync(file), /can't be read: ENOENT$/],
])(
  "a new CLIENT_CA_FILE that %s changes nothing, is told once, and is read again once it is good",
  async (_name, spoil, reason) => {
    const { file, told, ask, lastWasGood } = await start();
    expect(await lastWasGood()).toBe(1);
    spoil(file);
    await vi.waitFor(() => expect(told()).toEqual([["error", REFUSED, expect.stringMatching(reason)]]), 10_000);
    expect((await ask(known)).body).toBe("known");
    expect((await ask(untrusted)).body).toBe("untrusted");
    expect(await lastWasGood()).toBe(0);

    replace(file, clientCa.caPem);
    await vi.waitFor(async () => expect(await lastWasGood()).toBe(1), 10_000);

    const next = createClientCa();
    replace(file, next.caPem);
    await vi.waitFor(() => expect(told().slice(1)).toEqual([["info", LOADED, undefined]]), 10_000);
    expect((await ask(known)).body).toBe("untrusted");
    expect((await ask(next.issue("kube-apiserver"))).body).toBe("known");
  },
);

it("a new certificate of the server's and a new CLIENT_CA_FILE leave each other as they are", async () => {
  const server = await start();
  const [nextPair, nextCa] = [issuePair(), createClientCa()];
  server.writePair(nextPair);
  await vi.waitFor(() => expect(server.told()).toHaveLength(1), 10_000);
  expect(await server.ask(known)).toEqual({ body: "known", certificate: nextPair.certPem });
  expect((await server.ask(untrusted)).body).toBe("untrusted");

  replace(server.file, nextCa.caPem);
  await vi.waitFor(() => expect(server.told()).toHaveLength(2), 10_000);
  expect(await server.ask(nextCa.issue("kube-apiserver"))).toEqual({ body: "known", certificate: nextPair.certPem });

  server.writePair(issuePair());
  await vi.waitFor(() => expect(server.told()).toHaveLength(3), 10_000);
  expect((await server.ask(nextCa.issue("kube-apiserver"))).body).toBe("known");
  expect((await server.ask(known)).body).toBe("untrusted");
});

/** Nobody finds half of it. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function broken(): string {
  return clientCa.caPem.replace(/[A-Za-z0-9+/]{40}/, "");
}
