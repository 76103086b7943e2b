/** The longest name of an object. Each cell of a comparison is work, and callers make up what they like. */
const MAX_LENGTH = 253;

/** The candidate that somebody most likely meant by `text`: another case, or at most two edits away. */
export function nearMiss(text: string, candidates: Iterable<string>): string | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const lower = text.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.min(2, Math.floor(text.length / 2)) + 1;
  for (const candidate of candidates) {
    if (candidate.toLowerCase() === lower) return candidate;
    const distance = editDistance(lower, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance, or `limit` when it is that or more; cells that are further than it from the diagonal can't matter. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 2 }, (_, column) => column);
  let current = new Array<number>(b.length + 2).fill(limit);
  for (let row = 1; row <= a.length; row++) {
    const first = Math.max(1, row - limit + 1);
    const last = Math.min(b.length, row + limit - 1);
    let least = first === 1 ? row : limit;
    current[first - 1] = least;
    for (let column = first; column <= last; column++) {
      const substitution = (previous[column - 1] ?? limit) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const distance = Math.min(substitution, (previous[column] ?? limit) + 1, (current[column - 1] ?? limit) + 1);
      current[column] = distance;
      least = Math.min(least, distance);
    }
    if (least >= limit) return limit;
    current[last + 1] = limit;
    [previous, current] = [current, previous];
  }
  return Math.min(previous[b.length] ?? limit, limit);
}
