/** What a rewrite is, wherever it is written, and what its value means. What it ought to be: rewrite-checks.ts. */
import type { RoutePath } from "./route.ts";

/** Whose rewrite it is. The first seven are annotations of an Ingress, the others fields of an HTTPRoute. */
export type Dialect =
  | "legacy"
  | "nginx"
  | "traefik"
  | "haproxy-ingress"
  | "haproxy.org"
  | "nginx.org"
  | "unknown"
  | "ReplacePrefixMatch"
  | "ReplaceFullPath";

/** These put their target in the place of the whole path, so that the tail survives only in a capture. Others keep it. */
const REPLACING: ReadonlySet<Dialect> = new Set<Dialect>(["nginx", "haproxy.org", "ReplaceFullPath"]);

export interface Rewrite {
  readonly dialect: Dialect;
  /** JSON pointer of the value. */
  readonly pointer: string;
  /** The annotation's key or the field's name: what stands before the value where it is written. */
  readonly key: string;
  /** Which entry of a list it belongs to; undefined for an annotation, which goes for the whole object. */
  readonly entry?: string;
  readonly value: string;
  /** The path in the value, with its captures as $1 in every dialect; mostly the value itself. */
  readonly target: string;
  /** Why a controller should not be given it, as the end of a sentence. */
  readonly unsafe: string | undefined;
  /** The paths that it is applied to: what its captures come from, and what loses its tail. */
  readonly paths: readonly RoutePath[];
  /** The whole value with every target of it in this bucket. */
  redirect(bucket: string): string;
}

/** Each rewrite is judged with each of its paths: a request can hold enough of both to fill the memory with findings. */
const MAX_REWRITTEN_PATHS = 10_000;

/** None is safe where there is more of them, with their paths, than can be judged. */
export function boundRewrites(rewrites: readonly Rewrite[]): readonly Rewrite[] {
  const count = rewrites.reduce((sum, { paths }) => sum + paths.length, 0);
  if (count <= MAX_REWRITTEN_PATHS) return rewrites;
  const tooMany = `is one of ${rewrites.length} for so many paths that they can't be judged; split the object`;
  return rewrites.map((rewrite) => ({ ...rewrite, unsafe: rewrite.unsafe ?? tooMany, paths: [] }));
}

export function replacesWholePath({ dialect }: Rewrite): boolean {
  return REPLACING.has(dialect);
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

/** The same where a dialect has no captures. */
export function unsafePlainReason(value: string): string | undefined {
  return value.includes("$") ? "holds $, and there are no captures here" : unsafeReason(value);
}

/** The bucket a rewrite goes to, its first segment; undefined when there is none, as in `/` and `/$1`. */
export function bucketOf(target: string): string | undefined {
  return /^\/([^/$]+)/.exec(target)?.[1];
}

/** The same rewrite into another bucket: `/old/x$1` becomes `/new/x$1`, and `/$1` becomes `/new/$1`. */
export function redirectRewrite(target: string, bucket: string): string {
  const named = bucketOf(target);
  return `/${bucket}${named === undefined ? target : target.slice(1 + named.length)}`;
}

/** The numbers of the captures in a rewrite: `/b/$2` has [2]. */
export function capturesOf(target: string): readonly number[] {
  return [...target.matchAll(/\$([0-9])/g)].map((match) => Number(match[1]));
}

/** A rewrite names its captures by one digit. */
export const MAX_CAPTURES = 9;

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
