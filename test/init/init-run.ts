/** One run of init in this process: real settings, policies, client and files; a clock that doesn't wait. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Clock } from "../../init/backoff.ts";
import { createEmptydirStore } from "../../init/certificates/emptydir-store.ts";
import { type InitContext, runInit } from "../../init/run.ts";
import { connectToCluster } from "../../src/cluster/client.ts";
import { type InitConfig, readInitConfig } from "../../src/config.ts";
import { loadPolicies } from "../../src/policy/load.ts";
import type { ConfigurationKind } from "../../src/registration/configuration.ts";
import { rules } from "../../src/rules/index.ts";
import { createLogger, type Logger } from "../../src/telemetry/logger.ts";
import { readCertificates } from "../../src/tls/inspect.ts";
import { type ScriptedApi, startScriptedApi } from "./scripted-api.ts";

export const NOW = new Date("2026-06-01T12:00:00Z");
export const MUTATING: ConfigurationKind = "MutatingWebhookConfiguration";
export const VALIDATING: ConfigurationKind = "ValidatingWebhookConfiguration";
/** Of both configurations; in Kubernetes they are two resources, so the names don't collide. */
export const CONFIG_NAME = "portcullis";
export const POLICY_DIR = fileURLToPath(new URL("../../manifests/policies", import.meta.url));

export const ENVIRONMENT = {
  MUTATE_CONFIG: CONFIG_NAME,
  VALIDATE_CONFIG: CONFIG_NAME,
  WEBHOOK_SERVICE: "portcullis",
  WEBHOOK_NAMESPACE: "policy",
  POLICY_DIR,
  POD_UID: "pod-a",
} as const;

export interface FakeClock extends Clock {
  readonly sleptMs: readonly number[];
}

/** Time passes only while somebody sleeps. */
export function createFakeClock(start = NOW): FakeClock {
  const sleptMs: number[] = [];
  let nowMs = start.getTime();
  return {
    sleptMs,
    now: () => new Date(nowMs),
    async sleep(ms) {
      sleptMs.push(ms);
      nowMs += ms;
    },
    random: () => 0,
  };
}

/** Ends with the test. Its clock stands at NOW. */
export async function openApi(): Promise<ScriptedApi> {
  const api = await startScriptedApi();
  onTestFinished(() => api.close());
  api.setClock(() => NOW);
  return api;
}

export interface InitRun {
  readonly certDir: string;
  readonly logLines: readonly LogLine[];
  run(): Promise<void>;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export function prepareInit(
  api: ScriptedApi,
  env: Readonly<Record<string, string>> = {},
  clock: Clock = createFakeClock(),
): InitRun {
  const certDir = makeDirectory();
  const config = readInitConfig({ ...ENVIRONMENT, CERT_DIR: certDir, KUBECONFIG: api.kubeconfig, ...env });
  const logLines: LogLine[] = [];
  const logger = createLogger("init", "trace", { write: (line) => logLines.push(JSON.parse(line)) });
  return {
    certDir,
    logLines,
    run: () => runInit(contextOf(config, clock, logger)),
  };
}

/** As init/main.ts composes it, with certificates in CERT_DIR alone. */
export function contextOf(config: InitConfig, clock: Clock, logger: Logger): InitContext {
  const { service, namespace, certValidityMs } = config;
  const connection = connectToCluster(config.kubeconfig);
  const store = createEmptydirStore({
    ...config,
    names: { service, namespace },
    validityMs: certValidityMs,
    serverDate: connection.serverDate,
    clock,
    logger,
  });
  return { config, policies: loadPolicies(config.policyDir, rules), connection, store, clock, logger };
}

/** Empty; ends with the test. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-init-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The text that is served as this CA, and that a bundle must hold. */
export function readOwnCa(certDir: string): string {
  return readFileSync(join(certDir, "ca.crt"), "utf8");
}

/** For each webhook of a configuration, the CAs of its caBundle as PEM. */
export function bundlesOf(
  api: ScriptedApi,
  kind: ConfigurationKind,
  name = CONFIG_NAME,
): readonly (readonly string[])[] {
  return (api.get(kind, name)?.webhooks ?? []).map(({ clientConfig: { caBundle = "" } }) =>
    readCertificates(Buffer.from(caBundle, "base64").toString()).certificates.map(({ pem }) => pem),
  );
}
