/** The rewrite annotations of an Ingress: whose they are, and what their values mean. What they ought to be: rewrite-checks.ts. */
import type { StringMap } from "../../kube/objects.ts";

/**
 * What a controller does with the value. append: puts it in front of the request's path. nginx: replaces the whole path
 * by it, so that the tail survives only in a capture, unless the policy says otherwise.
 */
export type Family = "append" | "nginx";

export const LEGACY_REWRITE = "ingress.kubernetes.io/rewrite-target";
export const NGINX_REWRITE = "nginx.ingress.kubernetes.io/rewrite-target";

/** The annotations that are understood. Any other prefix in front of /rewrite-target is taken to append. */
const DIALECTS: ReadonlyMap<string, Family> = new Map<string, Family>([
  [LEGACY_REWRITE, "append"],
  [NGINX_REWRITE, "nginx"],
  ["traefik.ingress.kubernetes.io/rewrite-target", "append"],
  ["haproxy-ingress.github.io/rewrite-target", "append"],
]);

export interface Rewrite {
  /** The annotation's key. */
  readonly key: string;
  readonly value: string;
  readonly family: Family;
  readonly isKnownDialect: boolean;
  /** As `unsafeReason` has it. */
  readonly unsafe: string | undefined;
}

export function rewritesOf(annotations: StringMap | null | undefined): readonly Rewrite[] {
  return Object.entries(annotations ?? {})
    .filter(([key]) => key.endsWith("/rewrite-target"))
    .map(([key, value]) => {
      const family = DIALECTS.get(key);
      const unsafe = unsafeReason(value);
      return { key, value, family: family ?? "append", isKnownDialect: family !== undefined, unsafe };
    });
}

/** A plain path, with captures by number. No $name: nginx would put its own variables there. */
const SAFE = /^\/[A-Za-z0-9._~/-]*(?:\$[0-9][A-Za-z0-9._~/-]*)*$/;
/** The longest value that Gateway API lets a rewrite have; no path of a bucket comes near. */
const MAX_REWRITE_LENGTH = 1024;

/** Why a controller should not be given this value, as the end of a sentence; undefined when it can be. */
export function unsafeReason(value: string): string | undefined {
  if (value === "") return "is empty, which controllers take for no rewrite";
  if (value.length > MAX_REWRITE_LENGTH) return `is longer than ${MAX_REWRITE_LENGTH} characters`;
  if (!value.startsWith("/")) return "does not begin with /";
  if (!SAFE.test(value)) return "holds more than letters, digits, . _ ~ / - and captures such as $1";
  if (value.includes("//")) return "holds //";
  // A capture ends a segment here: what it will hold may begin with a slash.
  const hasDotSegment = value.split(/\/|\$[0-9]/).some((segment) => segment === "." || segment === "..");
  return hasDotSegment ? "holds a . or .. segment" : undefined;
}

/** The bucket a rewrite goes to, its first segment; undefined when there is none, as in `/` and `/$1`. */
export function bucketOf(value: string): string | undefined {
  return /^\/([^/$]+)/.exec(value)?.[1];
}

/** The same rewrite into another bucket: `/old/x$1` becomes `/new/x$1`, and `/$1` becomes `/new/$1`. */
export function redirectRewrite(value: string, bucket: string): string {
  const named = bucketOf(value);
  return `/${bucket}${named === undefined ? value : value.slice(1 + named.length)}`;
}

/** The numbers of the captures in a rewrite: `/b/$2` has [2]. */
export function capturesOf(value: string): readonly number[] {
  return [...value.matchAll(/\$([0-9])/g)].map((match) => Number(match[1]));
}

/** A rewrite names its captures by one digit. */
const MAX_CAPTURES = 9;

/** How many captures a path has as a regular expression, up to 9: its `(`, but for `\(`, `[(]` and `(?:` and its like. */
export function countCaptureGroups(path: string): number {
  let groups = 0;
  let isInBrackets = false;
  for (let index = 0; index < path.length && groups < MAX_CAPTURES; index++) {
    const character = path[index];
    if (character === "\\") index++;
    else if (isInBrackets) isInBrackets = character !== "]";
    else if (character === "[") isInBrackets = true;
    else if (character === "(" && /^(?:[^?]|\?P?<[^=!]|$)/s.test(path.slice(index + 1, index + 5))) groups++;
  }
  return groups;
}
