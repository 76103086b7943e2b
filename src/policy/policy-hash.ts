import { createHash } from "node:crypto";
import { canonicalJson, type Policy } from "./policy.ts";

/** A set of policies is told apart by its hash in Job names, an annotation and registration.json. */
const HASH_LENGTH = 12;

/**
 * 12 hex digits that differ when the webhooks or any verdict may: names, specs with their defaults, and the requests that
 * this version of the rules asks for. The order of the files and of the keys in them doesn't matter.
 */
export function policyHash(policies: readonly Policy[]): string {
  const parts = policies
    .map(({ name, specDigest, validates, mutates }) => ({ name, specDigest, validates, mutates }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return shortDigest(parts);
}

/** The first digits of a value's SHA-256, whatever the order of its keys. */
export function shortDigest(value: unknown): string {
  return digest(value).slice(0, HASH_LENGTH);
}

/** Hex SHA-256 of a policy's spec: of a compiled policy it can't be taken, since params become functions. */
export function digestSpec(spec: object): string {
  return digest(spec);
}

function digest(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
