/** The project's two programs as child processes, as the image starts them: from the bundles that `npm run build` makes. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export type ProgramName = "init" | "server";
export type ProgramEnvironment = Readonly<Record<string, string>>;

export interface Exit {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
}

export function bundleOf(name: ProgramName): string {
  return fileURLToPath(new URL(`../../dist/${name}.mjs`, import.meta.url));
}

/** Nothing of this process's environment gets through: the programs must live on what they are given. */
export function startProgram(name: ProgramName, env: ProgramEnvironment, args: readonly string[] = []): Program {
  const child = spawn(process.execPath, [bundleOf(name), ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const killWithParent = () => child.kill("SIGKILL");
  process.once("exit", killWithParent);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const exited = waitForExit(child).finally(() => process.off("exit", killWithParent));
  return { pid: child.pid ?? -1, exited, stdout, stderr, kill: (signal) => child.kill(signal) };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

function waitForExit(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ status, signal }));
  });
}
