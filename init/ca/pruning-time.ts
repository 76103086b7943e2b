import type { Clock } from "../backoff.ts";

/**
 * What CAs of others are judged by: the earlier of this node's clock and the API server's, so that one that is ahead takes
 * nothing out that calls are still verified by. Before the first answer, a time at which nothing is due.
 */
export function pruningTime(clock: Clock, serverDate: () => Date | undefined): Date {
  return new Date(Math.min(clock.now().getTime(), serverDate()?.getTime() ?? 0));
}
