import { BATCH_BYTES, BATCH_CALLS } from "./limits.ts";

/** A call whose body is there. Neither step may throw. */
export interface BatchedCall {
  readonly byteCount: number;
  judge(): void;
  /** Called after `judge`. */
  send(): void;
}

export interface Batch {
  add(call: BatchedCall): void;
}

/**
 * Calls that arrive together are judged together, and then answered together. Reading, judging and answering run through
 * different code, of which the processor's caches hold one at a time: call by call, what is judged in 15 µs took 60
 * (docs/adr/0009). Nobody is waited for: a batch is what the event loop finds readable in one turn.
 */
export function createBatch(): Batch {
  let calls: BatchedCall[] = [];
  let byteCount = 0;
  let turn: NodeJS.Immediate | undefined;

  function run(): void {
    clearImmediate(turn);
    const batch = calls;
    calls = [];
    byteCount = 0;
    for (const call of batch) call.judge();
    for (const call of batch) call.send();
  }

  return {
    add(call) {
      // Nobody waits for a large one that comes after him.
      if (calls.length > 0 && byteCount + call.byteCount > BATCH_BYTES) run();
      byteCount += call.byteCount;
      if (calls.push(call) === 1) turn = setImmediate(run);
      if (calls.length === BATCH_CALLS) run();
    },
  };
}
