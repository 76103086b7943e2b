import type { Random } from "./random.ts";

const TOKENS: readonly Buffer[] = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\\u",
  "\\ud800",
  "e+",
  "\0",
  "\r\n",
  "\r\n\r\n",
  "\n",
  "\ufeff",
  "\u2028",
  '"uid":"',
  '"allowed":true',
  '"__proto__":{',
  "null",
]
  .map((text) => Buffer.from(text))
  .concat(["ff", "fe", "c0af", "eda080", "f4908080", "80", "e28080"].map((hex) => Buffer.from(hex, "hex")));

/** Flips, holes, insertions, repetitions and splices, a few of them. `others`: what pieces may come from. */
export function mutateBytes(random: Random, bytes: Buffer, others: readonly Buffer[] = []): Buffer {
  let mutated = bytes;
  for (let count = 1 + random.below(4); count > 0; count--) mutated = mutateOnce(random, mutated, others);
  return mutated;
}

function mutateOnce(random: Random, bytes: Buffer, others: readonly Buffer[]): Buffer {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(random.once(4) ? 2_000 : 8));
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([before, flip(random, piece), after]);
    case 1:
      return before;
    case 2:
      return Buffer.concat([before, after]);
    case 3:
      return Buffer.concat([before, random.pick(TOKENS), piece, after]);
    case 4:
      return Buffer.concat([before, random.bytes(1 + random.below(16)), piece, after]);
    case 5:
      return Buffer.concat([before, ...Array<Buffer>(2 + random.below(20)).fill(piece), after]);
    case 6:
      return after;
    default: {
      const other = others.length === 0 ? bytes : random.pick(others);
      const from = random.below(other.length + 1);
      return Buffer.concat([before, other.subarray(from, from + random.below(2_000)), after]);
    }
  }
}

function flip(random: Random, piece: Buffer): Buffer {
  const flipped = Buffer.from(piece);
  for (const [index, byte] of flipped.entries()) {
    if (index === 0 || random.once(4)) flipped[index] = byte ^ (1 << random.below(8));
  }
  return flipped;
}
