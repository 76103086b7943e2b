import type { BodyCase, FuzzCase } from "./fuzz-case.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { mutateReview } from "./mutate-review.ts";
import { type Random, randomOf } from "./random.ts";
import { rawCase } from "./raw-bytes.ts";
import type { Seeds } from "./seeds.ts";

const PATHS = [
  "/mutate",
  "/validate",
  "/validate/canary",
  "/validate/policies",
  "/validate/0badc0de",
  "/mutate/0badc0de",
];
const QUERIES = [
  "?timeout=5s",
  "?timeout=30s",
  "?timeout=1ms",
  "?timeout=abc",
  "?timeout=-1s&timeout=2s",
  "?timeout=9999999s",
  "?%",
];
const TYPES = [
  "application/json; charset=utf-8",
  "Application/JSON",
  "application/json;charset=UTF-16",
  "text/plain",
  "a",
];

/** The case with this number; the same whenever and wherever it is made. */
export function caseOf(seed: number, number: number, seeds: Seeds): FuzzCase {
  const random = randomOf(seed, number);
  const body = bodyCase(random, number, seeds);
  return random.once(8) ? rawCase(random, body.bytes, body.path) : body;
}

function bodyCase(random: Random, number: number, seeds: Seeds): BodyCase {
  const chosen = random.pick(random.pick(seeds));
  const text = mutateReview(random, chosen, seeds, `fuzz-${number}`);
  const path = (random.once(4) ? random.pick(PATHS) : chosen.path) + (random.once(3) ? random.pick(QUERIES) : "");
  const contentType = random.once(50) ? random.pick(TYPES) : "application/json";
  const written = Buffer.from(text);
  const others = () => [Buffer.from(random.pick(random.pick(seeds)).text)];
  const bytes = random.once(8) ? mutateBytes(random, written, others()) : written;
  return { kind: "body", path, contentType, bytes };
}
