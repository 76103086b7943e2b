/** How long the programs take to be of use, and what that takes of memory; each held against the least that there is. */
import type { ChildProcess } from "node:child_process";
import { startScriptedApi } from "../init/scripted-api.ts";
import { findFreePorts } from "../support/free-port.ts";
import { bundleOf } from "../support/program.ts";
import { TEAM } from "./policy-sets.ts";
import { readMemoryMib } from "./process-usage.ts";
import { endWithThisProcess, startPinned } from "./server-process.ts";
import { type Workbench, writePolicies } from "./workbench.ts";

export interface Start {
  readonly ms: number;
  /** The most that it has had by then. */
  readonly peakMib: number;
}

/** A start a round, each round one of each. */
export interface StartUpResult {
  readonly emptyNode: readonly Start[];
  readonly server: readonly Start[];
  readonly clientAlone: readonly Start[];
  /** To the certificates; its memory to its end. */
  readonly init: readonly Start[];
}

interface Launch {
  readonly program: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it writes when it is there. */
  readonly sign: string;
  /** Throws when it is not, whatever it writes. */
  readonly check?: () => Promise<void>;
  readonly memory?: "to its end";
}

/** Init gets a scripted API server, so that what is measured is init. */
export async function measureStartUp(bench: Workbench, rounds: number): Promise<StartUpResult> {
  const policyDir = writePolicies(bench.makeDirectory("start-up-policies"), [TEAM], "shipped");
  const starts = { emptyNode: [] as Start[], server: [] as Start[], clientAlone: [] as Start[], init: [] as Start[] };
  for (let round = 0; round < rounds; round++) {
    const api = await startScriptedApi();
    try {
      starts.emptyNode.push(await launch(bench, { program: bench.bundle("empty"), sign: "ready" }));
      starts.server.push(await launch(bench, await serverLaunch(bench, policyDir)));
      const client = { program: bench.bundle("client-alone"), env: { KUBECONFIG: api.kubeconfig }, sign: "ready" };
      starts.clientAlone.push(await launch(bench, client));
      const init = initLaunch(policyDir, bench.makeDirectory("init-certs"), api.kubeconfig);
      starts.init.push(await launch(bench, init));
    } finally {
      await api.close();
    }
  }
  return starts;
}

async function serverLaunch(bench: Workbench, policyDir: string): Promise<Launch> {
  const [port, healthPort] = await findFreePorts();
  return {
    program: bundleOf("server"),
    env: {
      POLICY_DIR: policyDir,
      CERT_DIR: bench.certDir,
      LISTEN_ADDRESS: "127.0.0.1",
      PORT: String(port),
      HEALTH_PORT: String(healthPort),
      DRAIN_SECONDS: "0",
    },
    sign: '"msg":"serving"',
    async check() {
      const { status } = await fetch(`http://127.0.0.1:${healthPort}/readyz`);
      if (status !== 200) throw new Error(`/readyz answers ${status}`);
    },
  };
}

function initLaunch(policyDir: string, certDir: string, kubeconfig: string): Launch {
  return {
    program: bundleOf("init"),
    env: {
      POLICY_DIR: policyDir,
      CERT_DIR: certDir,
      KUBECONFIG: kubeconfig,
      POD_UID: "bench",
      MUTATE_CONFIG: "portcullis",
      VALIDATE_CONFIG: "portcullis",
      WEBHOOK_SERVICE: "portcullis",
      WEBHOOK_NAMESPACE: "portcullis",
      CA_SETTLE_MS: "0",
    },
    sign: '"msg":"certificates written"',
    memory: "to its end",
  };
}

async function launch(bench: Workbench, { program, env, sign, check, memory }: Launch): Promise<Start> {
  const startMs = performance.now();
  const command = [process.execPath, program];
  const child = startPinned(bench.cores.server, command, { NODE_ENV: "production", ...env });
  const stop = endWithThisProcess(child);
  try {
    await waitForSign(child, sign);
    const ms = performance.now() - startMs;
    const peakMib = memory === "to its end" ? await followPeak(child) : readMemoryMib(child.pid ?? -1).peak;
    await check?.();
    return { ms, peakMib };
  } finally {
    await stop();
  }
}

/** Resolves when it has written it. */
function waitForSign(child: ChildProcess, sign: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    const onData = (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(sign)) resolve();
    };
    child.stdout?.on("data", onData);
    child.stderr?.on("data", onData);
    child.once("error", reject);
    child.once("close", () => reject(new Error(`it ended without ${sign}: ${text}`)));
  });
}

const POLL_MS = 2;

/** What the peak of a process was when it was last seen. */
async function followPeak(child: ChildProcess): Promise<number> {
  let peakMib = Number.NaN;
  for (;;) {
    try {
      const { peak } = readMemoryMib(child.pid ?? -1);
      // One that has ended but isn't waited for yet has none.
      if (Number.isNaN(peak)) return peakMib;
      peakMib = peak;
    } catch {
      return peakMib;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
