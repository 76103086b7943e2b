/** The HTTPS server with real certificates in a real directory, followed as the program follows them, only sooner. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type Agent, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { createHealthListener } from "../../src/server/app.ts";
import { createAdmissionServer, createHealthServer, listen } from "../../src/server/listen.ts";
import { type ServeTlsOptions, serveTls } from "../../src/server/served-tls.ts";
import { watchTlsErrors } from "../../src/server/tls-errors.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { writePair } from "../../src/tls/files.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import type { CertificatePair } from "../../src/tls/profile.ts";
import { readServingPair, unservableReasons } from "../../src/tls/serving.ts";

export const SERVER_NAME = "portcullis.policy.svc";
export const MINUTE_MS = 60_000;

export interface Life {
  readonly fromMs?: number;
  readonly untilMs?: number;
}

/** A CA and a certificate that are valid from and until so many milliseconds from now; an hour each way by default. */
export function issuePair({ fromMs = -60 * MINUTE_MS, untilMs = 60 * MINUTE_MS }: Life = {}): CertificatePair {
  return issueCertificates({
    names: { service: "portcullis", namespace: "policy" },
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(Date.now() + fromMs),
    notAfter: new Date(Date.now() + untilMs),
  });
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-reload-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface CallOptions {
  readonly ca: string | readonly string[];
  /** Without one, the call has a connection of its own. */
  readonly agent?: Agent;
}

export interface Answered {
  readonly body: string;
  readonly certificate: PeerCertificate;
  /** Whether the agent had the connection already. */
  readonly reused: boolean;
}

/** A GET that verifies the server as the API server does. */
export async function call(port: number, { ca, agent }: CallOptions): Promise<Answered> {
  const sent = httpsRequest({
    host: "127.0.0.1",
    port,
    servername: SERVER_NAME,
    ca: [ca].flat(),
    agent: agent ?? false,
  });
  sent.end();
  const [response] = await once(sent, "response");
  const certificate = (response.socket as TLSSocket).getPeerCertificate();
  return { body: await text(response), certificate, reused: sent.reusedSocket };
}

export type Follow = Pick<ServeTlsOptions, "pollMs" | "debounceMs" | "watchDirectory">;

export async function startReloadingServer(first: CertificatePair, follow: Follow = { debounceMs: 10 }) {
  const directory = temporaryDirectory();
  writePair(directory, first, new Date());
  const lines: string[] = [];
  const logger = createLogger("server", "info", { write: (line) => lines.push(line) });
  const metrics = createMetrics();
  const now = () => new Date();
  const pair = readServingPair(directory);
  const server = createAdmissionServer(pair, (_, response) => response.end("ok"));
  let monotonicMs = 0;
  watchTlsErrors(server, metrics, logger, () => monotonicMs);
  const served = serveTls({ directory, first: pair, server, metrics, logger, now, ...follow });
  const health = createHealthServer(
    createHealthListener(() => unservableReasons(served.current(), now()), metrics.registry),
  );
  await listen(server, 0, "127.0.0.1");
  await listen(health, 0, "127.0.0.1");
  onTestFinished(() => {
    served.stop();
    for (const each of [server, health]) {
      each.closeAllConnections();
      each.close();
    }
  });
  const healthPort = (health.address() as AddressInfo).port;
  return {
    server,
    directory,
    port: (server.address() as AddressInfo).port,
    write: (next: CertificatePair) => writePair(directory, next, new Date()),
    logged: (): readonly Readonly<Record<string, unknown>>[] => lines.map((line) => JSON.parse(line)),
    passTime(ms: number): void {
      monotonicMs += ms;
    },
    async sample(name: string, labels: Readonly<Record<string, string>>): Promise<number | undefined> {
      const values = (await metrics.registry.getSingleMetric(name)?.get())?.values ?? [];
      return values.find((value) => Object.entries(labels).every(([label, text]) => value.labels[label] === text))
        ?.value;
    },
    async readyz(): Promise<readonly [status: number, body: string]> {
      const response = await fetch(`http://127.0.0.1:${healthPort}/readyz`);
      return [response.status, await response.text()];
    },
  };
}

export type ReloadingServer = Awaited<ReturnType<typeof startReloadingServer>>;

/** How many pairs have been taken over and refused so far. */
export async function countReloads(server: ReloadingServer): Promise<readonly [success: number, failure: number]> {
  const count = async (result: string) =>
    (await server.sample("portcullis_certificate_reloads_total", { result })) ?? -1;
  return [await count("success"), await count("failure")];
}
