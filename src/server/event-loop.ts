const TICK_MS = 100;
/** A tick that is later than this waited behind work: a review takes well under a millisecond. */
const LATE_MS = 200;
/** One large review makes one tick late; as many in a row are more work than there is time for. */
const LATE_TICKS = 5;

export interface EventLoopWatch {
  /** True while tick after tick is late; false again with the first that is in time. */
  isLate(): boolean;
  stop(): void;
}

/** Measures how late timers fire: that late are calls read, too. `onLag` gets the seconds of each tick. */
export function watchEventLoop(onLag: (seconds: number) => void): EventLoopWatch {
  let dueMs = performance.now() + TICK_MS;
  let lateTicks = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const lagMs = Math.max(0, nowMs - dueMs);
    lateTicks = lagMs > LATE_MS ? lateTicks + 1 : 0;
    dueMs = nowMs + TICK_MS;
    onLag(lagMs / 1000);
  }, TICK_MS).unref();
  return {
    isLate: () => lateTicks >= LATE_TICKS,
    stop: () => clearInterval(timer),
  };
}
