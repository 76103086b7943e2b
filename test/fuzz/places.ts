/** A review as a tree whose places can be found, read and written, and written out with texts in it that are no values. */
import type { Random } from "./random.ts";

export type Parent = Record<string, unknown> | unknown[];

export interface Place {
  readonly parent: Parent;
  readonly key: string | number;
}

/** A walk down from `from` that ends anywhere: what is near is met more often than what is deep. */
export function findPlace(random: Random, from: Place): Place {
  let place = from;
  for (;;) {
    const value = read(place);
    if (typeof value !== "object" || value === null) return place;
    const keys: readonly (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
    if (keys.length === 0 || random.once(7)) return place;
    place = { parent: value as Parent, key: random.pick(keys) };
  }
}

export function read({ parent, key }: Place): unknown {
  return Object.hasOwn(parent, key) ? (parent as Record<string | number, unknown>)[key] : undefined;
}

/** `__proto__` becomes a field like any other. */
export function write({ parent, key }: Place, value: unknown): void {
  Object.defineProperty(parent, key, { value, writable: true, enumerable: true, configurable: true });
}

export function remove({ parent, key }: Place): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}

/** JSON that can't be held as a value stands in the tree as a string, and takes its place in the text. */
export class Raws {
  readonly #texts: string[] = [];

  hold(text: string): string {
    this.#texts.push(text);
    return `\u0000raw ${this.#texts.length - 1}\u0000`;
  }

  textOf(value: unknown): string {
    const json = JSON.stringify(value) ?? "null";
    return json.replaceAll(/"\\u0000raw (\d+)\\u0000"/g, (_whole, index) => this.#texts[Number(index)] ?? "");
  }
}
