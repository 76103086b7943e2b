/** The name of a login's namespace: no two logins have the same, and everybody can work it out. */
import { sha256Hex } from "../../kube/sha256.ts";

/** A DNS-1123 label. */
const MAX_LENGTH = 63;
/** GitHub's logins: single hyphens inside, at most 39 characters; a managed user has `_` and the enterprise's short code. */
const LOGIN = /^[a-z\d](?:[a-z\d]|-(?=[a-z\d])){0,38}(_[a-z\d]+)?$/;
/** Three hyphens are in no name without a hash: a login has no two in a row, and `_` becomes two. */
const HASH_MARK = "---";
const HASH_LENGTH = 8;

/**
 * `Octocat` is `u-octocat`, `mona_acme` is `u-mona--acme`. What is no such login (a bot, a hyphen at the end) or too long
 * keeps what can stand in a name, before a piece of its SHA-256. Case is left out throughout, as GitHub does.
 */
export function nsName(login: string, prefix: string): string {
  const lower = login.toLowerCase();
  const plain = `${prefix}${lower.replace("_", "--")}`;
  if (LOGIN.test(lower) && plain.length <= MAX_LENGTH) return plain;
  const tail = `${HASH_MARK}${sha256Hex(lower).slice(0, HASH_LENGTH)}`;
  const slug = lower.replaceAll(/[^a-z\d]+/g, "-").slice(0, MAX_LENGTH - prefix.length - tail.length);
  return `${prefix}${slug.replaceAll(/^-|-$/g, "")}${tail}`;
}
