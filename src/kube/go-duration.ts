const NANOSECONDS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  // The micro sign and the Greek letter: Go takes both.
  "\u00b5s": 1e3,
  "\u03bcs": 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const TERM = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy;
/** Go keeps a duration in 64 bits, with a sign. */
const MAX_NANOSECONDS = 2 ** 63;

/** What Go's `time.ParseDuration` makes of `1h30m`, in nanoseconds (rounded as doubles are); undefined where it fails. */
export function parseGoDuration(text: string): number | undefined {
  const isNegative = text.startsWith("-");
  const unsigned = /^[+-]/.test(text) ? text.slice(1) : text;
  if (unsigned === "0") return 0;
  if (unsigned === "") return undefined;
  let nanoseconds = 0;
  let end = 0;
  for (const [term, count, unit] of unsigned.matchAll(TERM)) {
    nanoseconds += Number(count) * (NANOSECONDS_PER_UNIT[unit ?? ""] ?? Number.NaN);
    end += term.length;
  }
  if (end !== unsigned.length || !(nanoseconds < MAX_NANOSECONDS)) return undefined;
  return isNegative ? -nanoseconds : nanoseconds;
}
