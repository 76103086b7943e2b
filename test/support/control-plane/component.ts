/** One process of a control plane: its start, its readiness, its end. Which flags it has is not decided here. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Component {
  readonly name: string;
  /** Also the id of its process group, in which it is alone. */
  readonly pid: number;
  readonly logPath: string;
  /** "status 1" or "SIGKILL", once it has ended. */
  ending(): string | undefined;
  /** SIGTERM, and SIGKILL for one that hasn't gone within STOP_LIMIT_MS. */
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 60_000; // it takes 4 s on 2 idle cores
const READY_POLL_MS = 50;
const STOP_LIMIT_MS = 5_000;
const LOG_TAIL_LINES = 20;

/** Its output goes into `NAME.log` in `directory`. */
export function startComponent(program: string, name: string, args: readonly string[], directory: string): Component {
  const logPath = join(directory, `${name}.log`);
  const log = openSync(logPath, "a");
  const child = spawn(program, args, {
    cwd: directory,
    // Nothing of the machine's: a proxy in the environment would be asked for webhooks, which are called by
    // the name of their Service and so don't look like loopback.
    env: { HOME: directory },
    stdio: ["ignore", log, log],
    // A process group of its own: a terminal's Ctrl-C is for the parent, who ends its components itself.
    detached: true,
  });
  closeSync(log);
  child.unref();

  let ending: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", (status, signal) => {
      ending = signal ?? `status ${status}`;
      resolve();
    });
    child.once("error", () => resolve()); // thrown below
  });
  if (child.pid === undefined) throw new Error(`${program} can't be started`);

  return {
    name,
    pid: child.pid,
    logPath,
    ending: () => ending,
    stop: async () => {
      child.kill("SIGTERM");
      const killTimer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
      await ended;
      clearTimeout(killTimer);
    },
  };
}

/** Throws with the end of the component's log if it ends or `isReady` stays false for READY_LIMIT_MS. */
export async function waitUntilReady(component: Component, isReady: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + READY_LIMIT_MS;
  while (!(await isReady())) {
    const ending = component.ending();
    if (ending !== undefined) throw describeFailure(component, `ended with ${ending}`);
    if (Date.now() > deadlineMs) throw describeFailure(component, `isn't ready after ${READY_LIMIT_MS / 1000} s`);
    await sleep(READY_POLL_MS);
  }
}

function describeFailure({ name, logPath }: Component, what: string): Error {
  const tail = readFileSync(logPath, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  return new Error(`${name} ${what}; the end of its log:\n${tail}`);
}
