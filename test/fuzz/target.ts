/** The program that is fuzzed, as a child: with certificates and all shipped policies, and what can be seen of it from outside. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { writePair } from "../../src/tls/files.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { findFreePorts } from "../support/free-port.ts";

const HOUR_MS = 60 * 60 * 1000;
const START_LIMIT_MS = 30_000;
const NAMES = { service: "portcullis", namespace: "policy" };
const POLICIES = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
/** What Node gives itself where it may have 512 MiB, as in the Pod; on this machine it would be a part of all there is. */
const HEAP = "--max-old-space-size=256";
/** Of the output; the last lines are what matters to the fuzzer. */
const KEPT_CHARACTERS = 20_000;

export const BUNDLE = fileURLToPath(new URL("../../dist/server.mjs", import.meta.url));
export const SOURCE = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Target {
  readonly port: number;
  readonly healthPort: number;
  readonly caPem: string;
  readonly servername: string;
  /** How it ended, once it has. */
  ended(): string | undefined;
  readonly whenEnded: Promise<string>;
  /** The last that it wrote to stdout, and all of stderr. */
  lastOutput(): string;
  stderr(): string;
  /** Undefined where the system doesn't tell. */
  rssMib(): number | undefined;
  openFiles(): number | undefined;
  stop(): Promise<void>;
}

/** Resolves when it is ready. `env`: more than the server needs. */
export async function startTarget(
  program: string,
  env: Readonly<Record<string, string>> = {},
  keptCharacters = KEPT_CHARACTERS,
): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-fuzz-target-"));
  const [certDir, policyDir] = [join(directory, "certs"), join(directory, "policies")];
  const caPem = writeCertificates(certDir);
  copyPolicies(policyDir);
  const [port, healthPort] = await findFreePorts();
  const child = spawn(process.execPath, [HEAP, program], {
    env: {
      LISTEN_ADDRESS: "127.0.0.1",
      PORT: String(port),
      HEALTH_PORT: String(healthPort),
      CERT_DIR: certDir,
      POLICY_DIR: policyDir,
      DRAIN_SECONDS: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const killWithParent = () => child.kill("SIGKILL");
  process.once("exit", killWithParent);
  const stdout = keepEnd(child.stdout, keptCharacters);
  const stderr = keepEnd(child.stderr, keptCharacters);
  let end: string | undefined;
  const whenEnded = once(child, "close").then(([status, signal]) => {
    process.off("exit", killWithParent);
    rmSync(directory, { recursive: true, force: true });
    end = signal === null ? `status ${status}` : `signal ${signal}`;
    return end;
  });
  const target: Target = {
    port,
    healthPort,
    caPem,
    servername: `${NAMES.service}.${NAMES.namespace}.svc`,
    ended: () => end,
    whenEnded,
    lastOutput: stdout,
    stderr,
    rssMib: () => rssMibOf(child.pid),
    openFiles: () => openFilesOf(child.pid),
    async stop() {
      child.kill("SIGKILL");
      await whenEnded;
    },
  };
  await untilReady(target);
  return target;
}

function writeCertificates(certDir: string): string {
  const nowMs = Date.now();
  const pair = issueCertificates({
    names: NAMES,
    podUid: "fuzz",
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(nowMs - HOUR_MS),
    notAfter: new Date(nowMs + 48 * HOUR_MS),
  });
  mkdirSync(certDir);
  writePair(certDir, pair, new Date());
  return pair.caPem;
}

/** Those that are switched off when shipped, too. */
function copyPolicies(policyDir: string): void {
  mkdirSync(policyDir);
  for (const folder of [POLICIES, join(POLICIES, "optional")]) {
    for (const name of readdirSync(folder)) {
      if (name.endsWith(".yaml")) copyFileSync(join(folder, name), join(policyDir, name));
    }
  }
}

function keepEnd(stream: NodeJS.ReadableStream, keptCharacters: number): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (text.length > 10 * keptCharacters) text = text.slice(-keptCharacters);
  });
  return () => text.slice(-keptCharacters);
}

async function untilReady(target: Target): Promise<void> {
  const limitMs = performance.now() + START_LIMIT_MS;
  while (performance.now() < limitMs) {
    const end = target.ended();
    if (end !== undefined) throw new Error(`the target ended with ${end}: ${target.stderr()}`);
    const isReady = await fetch(`http://127.0.0.1:${target.healthPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    await sleep(50);
  }
  await target.stop();
  throw new Error(`the target was not ready in time: ${target.stderr()}`);
}

function rssMibOf(pid: number | undefined): number | undefined {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
  } catch {
    return undefined;
  }
}

function openFilesOf(pid: number | undefined): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}
