/** A server as a child process on its core, from its start to its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { findFreePorts } from "../support/free-port.ts";
import { waitUntil } from "../support/wait.ts";
import type { Workbench } from "./workbench.ts";

/** The program and its arguments, and what it finds in its environment besides PORT, HEALTH_PORT and CERT_DIR. */
export interface ServerCommand {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** What a server is asked until it answers with status 200. */
export interface Probe {
  readonly path: string;
  readonly body: Uint8Array;
}

const START_LIMIT_MS = 60_000;

/** Returns once it answers. Throws with what it has written when it ends before. */
export async function startServer(bench: Workbench, server: ServerCommand, probe: Probe): Promise<RunningServer> {
  const [port, healthPort] = await findFreePorts();
  // A file, not a pipe: somebody would have to read it, on the core of the load.
  const logPath = join(bench.directory, "server.log");
  const log = openSync(logPath, "w");
  const env = {
    NODE_ENV: "production",
    LISTEN_ADDRESS: "127.0.0.1",
    PORT: String(port),
    HEALTH_PORT: String(healthPort),
    CERT_DIR: bench.certDir,
    DRAIN_SECONDS: "0",
    ...server.env,
  };
  const child = startPinned(bench.cores.server, server.command, env, log);
  closeSync(log);
  const stop = endWithThisProcess(child);
  try {
    await waitUntil(`${server.command.join(" ")} answers`, START_LIMIT_MS, async () => {
      if (hasEnded(child)) throw new Error(`the server ended: ${readFileSync(logPath, "utf8")}`);
      return await isAnswering(bench, port, probe);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid ?? -1, port, stop };
}

/** `output`: where it writes, a pipe by default. taskset becomes the program that it starts, so the pid is the program's. */
export function startPinned(
  pin: readonly string[],
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  output: number | "pipe" = "pipe",
): ChildProcess {
  const [program = "", ...args] = [...pin, ...command];
  return spawn(program, args, { env: { PATH: process.env.PATH, ...env }, stdio: ["ignore", output, output] });
}

/** Time for what a profile, say, has to write. */
const END_LIMIT_MS = 5000;

/** Returns what ends it; so does the end of this process. */
export function endWithThisProcess(child: ChildProcess): () => Promise<void> {
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = once(child, "exit").finally(() => process.off("exit", kill));
  return async () => {
    const timer = setTimeout(kill, END_LIMIT_MS);
    child.kill("SIGTERM");
    await exited;
    clearTimeout(timer);
  };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function isAnswering({ caPem, servername }: Workbench, port: number, { path, body }: Probe): Promise<boolean> {
  const headers = { "Content-Type": "application/json" };
  const options = { host: "127.0.0.1", port, ca: caPem, servername, method: "POST", path, headers, agent: false };
  return new Promise((resolve) => {
    const asked = request(options, (response) => resolve(response.resume().statusCode === 200));
    asked.once("error", () => resolve(false));
    asked.end(body);
  });
}
