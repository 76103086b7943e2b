/** Statistics of the bench: pure. What is measured, and how, this file doesn't know. */

/** The smallest of the values that at least this share of them does not exceed. NaN of nothing. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** Of an even number of values the mean of the middle two. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** Each value over its fellow of the same round, and the median of these: what slows a whole round down falls out. */
export function medianRatio(values: readonly number[], baseline: readonly number[]): number {
  if (values.length !== baseline.length) throw new Error("a ratio needs as many rounds on both sides");
  return median(values.map((value, round) => value / (baseline[round] ?? Number.NaN)));
}
