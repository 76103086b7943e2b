/** Pieces of CEL for matchConditions: over `object` and `request`, as the API server has them. */

/** A string literal. */
export function celString(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}'`;
}

/** A field that may be missing, with everything above it: `celField("object.spec.volumes")` is `object.?spec.?volumes`. */
export function celField(path: string): string {
  const [root = "", ...fields] = path.split(".");
  return [root, ...fields.map((field) => `.?${field}`)].join("");
}

/** Whether a field is there: with `celField` of it. */
export function celHas(path: string): string {
  return `${celField(path)}.hasValue()`;
}

/** The value of a label or annotation, and '' where there is none. `map` is a path, `object.metadata.labels`. */
export function celStringAt(map: string, key: string): string {
  return `${celField(map)}[?${celString(key)}].orValue('')`;
}

/**
 * What an expression may look at in a list or map: above PerCallLimit, a million steps, it has failed. Two of them, one in the
 * other, are a hundredth of that.
 */
const MAX_LOOKED_AT = 100;

/** Whether some element of a list, or some key of a map, meets the condition; true, unread, of one with more than 100. */
export function celExists(path: string, variable: string, condition: string): string {
  const list = `${celField(path)}.orValue([])`;
  return `(size(${list}) > ${MAX_LOOKED_AT} || ${list}.exists(${variable}, ${condition}))`;
}
