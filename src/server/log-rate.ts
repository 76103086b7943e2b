/** A caller that does it wrong does it again and again: a line a minute tells as much as a line a call. */
const LOG_INTERVAL_MS = 60_000;

/** Whether a line of this kind may be written now, which counts as written. Kinds must be few: each is remembered. */
export type LogRate = (kind: string) => boolean;

/** `monotonicMs` is for tests. */
export function limitLogRate(monotonicMs: () => number = () => performance.now()): LogRate {
  const loggedAtMs = new Map<string, number>();
  return (kind) => {
    const nowMs = monotonicMs();
    if (nowMs - (loggedAtMs.get(kind) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL_MS) return false;
    loggedAtMs.set(kind, nowMs);
    return true;
  };
}
