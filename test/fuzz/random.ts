/**
 * Fuzzing: `npm run fuzz` mutates whole bodies and raw bytes against the real server. Here, what is random about it: every
 * case follows from the run's seed and its own number. Not here: properties of single functions (test/unit, test/rules).
 */

export interface Random {
  /** From 0 to `limit` - 1. */
  below(limit: number): number;
  /** True once in `times`. */
  once(times: number): boolean;
  pick<T>(choices: readonly T[]): T;
  bytes(length: number): Buffer;
}

/** sfc32: small, quick, and the same on every machine. */
export function randomOf(seed: number, caseNumber: number): Random {
  let [a, b, c, counter] = [seed | 0, caseNumber | 0, 0x9e3779b9, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  // Neighbours in seed or number have nothing in common after these.
  for (let round = 0; round < 15; round++) next();
  const below = (limit: number): number => next() % limit;
  return {
    below,
    once: (times) => below(times) === 0,
    pick(choices) {
      if (choices.length === 0) throw new Error("nothing to pick from");
      return choices[below(choices.length)] as (typeof choices)[number];
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}
