/** Which case it was: one that is sent by itself shows it again, or none does. */
import type { FuzzCase } from "./fuzz-case.ts";
import { type Health, watchHealth } from "./health.ts";
import { judge } from "./judge.ts";
import { createSender, TIMED_OUT } from "./send.ts";
import type { Target } from "./target.ts";

export interface Numbered {
  readonly number: number;
  readonly fuzzCase: FuzzCase;
}

/** A target and what is known of it while it lives. */
export interface Watched {
  readonly target: Target;
  readonly health: Health;
}

export async function startWatched(start: () => Promise<Target>): Promise<Watched> {
  const target = await start();
  return { target, health: await watchHealth(target) };
}

export interface Guilty {
  readonly what: string;
  readonly suspect: Numbered;
}

/** Sends one suspect after the other, each alone, to a target that is new to them. */
export async function blame(
  start: () => Promise<Target>,
  suspects: readonly Numbered[],
  answerLimitMs: number | undefined,
): Promise<Guilty | undefined> {
  const watched = await startWatched(start);
  try {
    for (const suspect of suspects) {
      const what = await tryAlone(watched, suspect.fuzzCase, answerLimitMs);
      if (what !== undefined) return { what, suspect };
    }
    return undefined;
  } finally {
    await watched.target.stop();
  }
}

/** What is wrong with the answer to one case, or with the target after it. */
export async function tryAlone(
  { target, health }: Watched,
  fuzzCase: FuzzCase,
  answerLimitMs?: number,
): Promise<string | undefined> {
  const sender = createSender(target, answerLimitMs);
  const beganMs = performance.now();
  const answer = await sender.send(fuzzCase);
  const clause = judge(fuzzCase, answer, performance.now() - beganMs);
  sender.close();
  // Of one that hangs nothing more is to be had.
  const isSilent = answer.kind === "none" && answer.reason === TIMED_OUT;
  const problems = target.ended() === undefined && !isSilent ? await health.check() : [];
  return endOf(target) ?? (clause === undefined ? problems[0] : withStack(clause, target));
}

export function endOf(target: Target): string | undefined {
  const end = target.ended();
  return end === undefined ? undefined : `the program ended with ${end}: ${target.stderr()}`;
}

/** Where the server says that it failed, and where. */
export function withStack(what: string, target: Target): string {
  if (!what.startsWith("status 5")) return what;
  const [stack] = [...target.lastOutput().matchAll(/"stack":"((?:[^"\\]|\\.)*)"/g)].at(-1)?.slice(1) ?? [];
  return stack === undefined ? what : `${what}: ${stack.split("\\n").slice(0, 4).join(" ").replaceAll(/\s+/g, " ")}`;
}
