/** Structure-aware mutation: a review with a few places changed, as text that may be no JSON any more. */
import { BUSY, FIRST_NON_JSON, KEYS, MARK, RAW_VALUES, STRINGS } from "./hostile.ts";
import { findPlace, type Parent, type Place, Raws, read, remove, write } from "./places.ts";
import type { Random } from "./random.ts";
import type { Seed, Seeds } from "./seeds.ts";

/** `uid` is what tells the answer from that of another case. */
export function mutateReview(random: Random, seed: Seed, seeds: Seeds, uid: string): string {
  const review = JSON.parse(seed.text);
  review.request.uid = uid;
  mark(review.request.object);
  const raws = new Raws();
  const root = { review };
  for (let count = random.below(5); count > 0; count--) {
    const place = findPlace(random, beginningOf(random, root));
    const mutation = { random, raws, seeds, place, value: read(place) };
    if (random.once(6)) random.pick(MOVES)(mutation);
    else write(place, random.pick(CHANGES)(mutation));
  }
  return raws.textOf(root.review);
}

const CONTENT = ["spec", "data"];

/** Mostly the objects: a mutation of the envelope is the end of every other in the same case. */
function beginningOf(random: Random, root: { readonly review: { readonly request?: unknown } }): Place {
  const request = root.review?.request as Parent | undefined;
  const isWhole = typeof request !== "object" || request === null || random.once(15);
  if (isWhole) return { parent: root, key: "review" };
  if (random.once(5)) return { parent: root.review as Parent, key: "request" };
  const object: Place = { parent: request, key: random.once(6) ? "oldObject" : "object" };
  const fields = read(object) as Parent | undefined | null;
  // Metadata that is not as it should be is refused before a rule sees it.
  const content = CONTENT.find((key) => fields && Object.hasOwn(fields, key));
  return content === undefined || !random.once(2) ? object : { parent: fields as Parent, key: content };
}

/** So that an error that quotes the object is told from one that doesn't. */
function mark(object: unknown): void {
  const metadata = (object as { metadata?: { annotations?: object } } | null)?.metadata;
  if (metadata?.annotations) metadata.annotations = { ...metadata.annotations, "example.org/mark": MARK };
}

interface Mutation {
  readonly random: Random;
  readonly raws: Raws;
  readonly seeds: Seeds;
  readonly place: Place;
  readonly value: unknown;
}

const MOVES: readonly ((mutation: Mutation) => void)[] = [({ place }) => remove(place), rename, copyElsewhere];

/** What stands in the place from then on. Those that are there twice come twice as often. */
const CHANGES: readonly ((mutation: Mutation) => unknown)[] = [
  hostileValue,
  hostileValue,
  hostileString,
  hostileString,
  withHostileKey,
  withHostileKey,
  twice,
  partOfAnother,
  partOfAnother,
  nested,
  long,
  repeated,
  manyKeys,
  ofAnotherType,
];

function rename({ random, place, value }: Mutation): void {
  remove(place);
  if (!Array.isArray(place.parent)) write({ parent: place.parent, key: random.pick(KEYS) }, value);
}

function copyElsewhere({ random, place, value }: Mutation): void {
  write(findPlace(random, { parent: { from: place.parent }, key: "from" }), JSON.parse(JSON.stringify(value ?? null)));
}

function hostileValue({ random, raws }: Mutation): unknown {
  // What is no JSON ends every other test of the case: seldom.
  return raws.hold(random.pick(random.once(15) ? RAW_VALUES : RAW_VALUES.slice(0, FIRST_NON_JSON)));
}

function hostileString({ random, value }: Mutation): unknown {
  const hostile = random.pick(STRINGS);
  if (typeof value !== "string" || value.startsWith("\u0000raw")) return hostile;
  const at = random.below(value.length + 1);
  return random.pick([
    hostile,
    value + hostile,
    hostile + value,
    value.slice(0, at),
    value.slice(0, at) + hostile + value.slice(at),
    value.toUpperCase(),
    ` ${value} `,
  ]);
}

function withHostileKey({ random, raws, value }: Mutation): unknown {
  if (typeof value !== "object" || value === null) return { [random.pick(KEYS)]: value };
  const added = random.once(2) ? random.pick(STRINGS) : raws.hold(random.pick(RAW_VALUES.slice(0, FIRST_NON_JSON)));
  if (Array.isArray(value)) value.splice(random.below(value.length + 1), 0, added);
  else write({ parent: value as Parent, key: random.pick(KEYS) }, added);
  return value;
}

/** The same key once more, with another value behind or before it. */
function twice({ random, raws, place, value }: Mutation): unknown {
  if (Array.isArray(place.parent)) return value;
  const texts = [random.pick(RAW_VALUES.slice(0, FIRST_NON_JSON)), raws.textOf(value)];
  if (random.once(2)) texts.reverse();
  return raws.hold(texts.join(`,${JSON.stringify(place.key)}:`));
}

/** Wherever it fits or doesn't. */
function partOfAnother({ random, seeds }: Mutation): unknown {
  return read(findPlace(random, beginningOf(random, { review: JSON.parse(random.pick(random.pick(seeds)).text) })));
}

/** Of lengths, depths and numbers of items; what is large takes its time, so it is seldom. */
function sizeFrom(random: Random): number {
  return random.pick(random.once(12) ? [6_000, 20_000, 100_000] : [2, 10, 65, 257, 1_000]);
}

function nested({ random, raws, value }: Mutation): unknown {
  const depth = sizeFrom(random);
  const [open, close] = random.pick([
    ["[", "]"],
    ['{"a":', "}"],
    ['{"metadata":', "}"],
    ['[{"spec":', "}]"],
  ] as const);
  const inner = random.once(2) ? raws.textOf(value) : "null";
  // One that is not closed, now and then.
  return raws.hold(open.repeat(depth) + inner + (random.once(10) ? "" : close.repeat(depth)));
}

function long({ random, value }: Mutation): unknown {
  const length = random.once(500) ? 3_000_000 : sizeFrom(random);
  const unit = random.pick(BUSY);
  const count = Math.ceil(length / unit.length);
  const run = unit.includes("#") ? numbered(unit, count) : unit.repeat(count);
  return typeof value === "string" && random.once(2) ? value + run : run;
}

/** No two of which are equal. */
function numbered(unit: string, count: number): string {
  return Array.from({ length: count }, (_, index) => unit.replace("#", String(index))).join("");
}

/** Of one place; a body may have several. */
const MAX_REPEATED_CHARACTERS = 500_000;

/** Of an item of a list, more items; of anything else a list. */
function repeated({ random, raws, place, value }: Mutation): unknown {
  const text = raws.textOf(value);
  const count = Math.max(1, Math.min(sizeFrom(random), Math.floor(MAX_REPEATED_CHARACTERS / (text.length + 1))));
  const items = Array(count).fill(text).join(",");
  return raws.hold(Array.isArray(place.parent) ? items : `[${items}]`);
}

function manyKeys({ random, raws }: Mutation): unknown {
  const count = sizeFrom(random);
  const prefix = random.pick(["", "k", `${MARK}-`, "__proto__"]);
  const value = random.pick(['""', '"x"', "0", "{}", "null"]);
  return raws.hold(`{${Array.from({ length: count }, (_, index) => `"${prefix}${index}":${value}`).join(",")}}`);
}

function ofAnotherType({ random, value }: Mutation): unknown {
  if (Array.isArray(value)) return { ...value };
  if (typeof value === "object" && value !== null) return Object.entries(value);
  return random.pick<unknown>([[value], { value }, String(value), Number(value), Boolean(value)]);
}
