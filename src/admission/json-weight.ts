const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
const BRACKETS = new Uint8Array(256);
for (const bracket of "[]{}") BRACKETS[bracket.charCodeAt(0)] = 1;

/** Bytes that V8 takes for what begins or follows here: an empty object, an empty list, a string, a place in either. */
const WEIGHTS = new Uint8Array(256);
for (const [character, weight] of [
  ["{", 64],
  ["[", 40],
  ['"', 24],
  [":", 8],
  [",", 8],
] as const) {
  WEIGHTS[character.charCodeAt(0)] = weight;
}
/** A key of an object that has many of them, which is a table then. */
const TABLE_KEY_WEIGHT = 80;
const TABLE_KEYS = 64;

/**
 * About how many bytes JSON.parse makes of this JSON, without the text of its strings: rather more than less. Beyond `limit` no more
 * is looked at.
 */
export function weighJson(json: Uint8Array, limit: number): number {
  let weight = 0;
  let keys = 0;
  for (let index = 0; index < json.length && weight <= limit; index++) {
    const byte = json[index] ?? 0;
    weight += WEIGHTS[byte] ?? 0;
    if (byte === QUOTE) index = endOfString(json, index);
    else if (byte === COLON && ++keys > TABLE_KEYS) weight += TABLE_KEY_WEIGHT;
    else if (BRACKETS[byte] === 1) keys = 0;
  }
  return weight;
}

/** Beyond this many bytes to look for the next quote is quicker than to look at each byte. */
const SHORT = 64;

/** The index of the quote that ends it, or the length where none does. */
function endOfString(json: Uint8Array, begin: number): number {
  let index = begin + 1;
  while (index < json.length) {
    for (const end = index + SHORT; index < end; index++) {
      if (json[index] === QUOTE) return index;
      if (json[index] === BACKSLASH) index++;
    }
    const quote = json.indexOf(QUOTE, index);
    if (quote === -1) break;
    let last = quote - 1;
    while (last >= index && json[last] === BACKSLASH) last--;
    if ((quote - 1 - last) % 2 === 0) return quote;
    index = quote + 1;
  }
  return json.length;
}
