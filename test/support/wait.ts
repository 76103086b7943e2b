/** Waiting for what comes true by itself, with a limit and a reason for whoever waited in vain. */
import type { Program } from "./program.ts";

const POLL_MS = 50;
const HEALTHY_LIMIT_MS = 20_000;

/** Polls; throws with `what` when it doesn't come true in time. */
export async function waitUntil(what: string, limitMs: number, isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Throws when the program ends before `url` answers 200, with what it has written. */
export async function waitUntilHealthy(program: Program, url: string): Promise<void> {
  await waitUntil(`${url} answers 200`, HEALTHY_LIMIT_MS, async () => {
    if (await hasEnded(program)) {
      const { status } = await program.exited;
      throw new Error(`the program ended with status ${status}: ${program.stderr()}${program.stdout()}`);
    }
    return await isHealthy(url);
  });
}

function hasEnded(program: Program): Promise<boolean> {
  return Promise.race([program.exited.then(() => true), Promise.resolve(false)]);
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status === 200;
  } catch {
    return false;
  }
}
