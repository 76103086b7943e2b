import { ApiUnavailable } from "../src/cluster/ask.ts";
import { type ErrorCode, PortcullisError } from "../src/errors.ts";

/** Between two tries: doubled each time, jittered so that many Pods that start together don't stay together. */
const FIRST_DELAY_MS = 25;
const MAX_DELAY_MS = 2000;

export interface Clock {
  now(): Date;
  sleep(ms: number): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: () => Math.random(),
};

/**
 * What is worth another try, and why: the reason ends in the log, and in the error when the deadline passes. The error is
 * `code`, where it is not the API server that is to blame.
 */
export type Attempt<Result> = { readonly done: Result } | { readonly retry: string; readonly code?: ErrorCode };

/** Tries until `done` or the deadline; ApiUnavailable counts as a retry. Throws PortcullisError with the latest reason. */
export async function retryUntil<Result>(
  deadline: Date,
  clock: Clock,
  onRetry: (reason: string, delayMs: number) => void,
  attempt: () => Promise<Attempt<Result>>,
): Promise<Result> {
  for (let tries = 0; ; tries++) {
    let reason: string;
    let code: ErrorCode = "API";
    try {
      const result = await attempt();
      if ("done" in result) return result.done;
      reason = result.retry;
      code = result.code ?? code;
    } catch (error) {
      if (!(error instanceof ApiUnavailable)) throw error;
      ({ message: reason, code } = error);
    }
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** tries, MAX_DELAY_MS) * (0.5 + clock.random() / 2);
    if (clock.now().getTime() + delayMs >= deadline.getTime()) {
      throw new PortcullisError(code, `gave up after ${tries + 1} tries: ${reason}`);
    }
    onRetry(reason, Math.round(delayMs));
    await clock.sleep(delayMs);
  }
}
