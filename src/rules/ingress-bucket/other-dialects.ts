/** The two annotations whose value is more than a target: haproxy.org/path-rewrite and nginx.org/rewrites. */
import { type Rewrite, redirectRewrite, unsafePlainReason, unsafeReason } from "./rewrites.ts";
import type { RoutePath } from "./route.ts";

export const HAPROXY_ORG_REWRITE = "haproxy.org/path-rewrite";
export const NGINX_ORG_REWRITES = "nginx.org/rewrites";

/** More than anybody writes by hand; each is judged with the whole value at hand. */
const MAX_REWRITES = 32;

type Written = Pick<Rewrite, "pointer" | "key" | "value">;

/** One rewrite of several in a value: what stands before its target, and the target with captures as $1. */
interface Part {
  readonly before: string;
  readonly target: string;
  readonly unsafe: string | undefined;
  readonly paths: readonly RoutePath[];
}

/** A regular expression without what HAProxy's configuration would read itself. */
const PATTERN = /^[^\p{Cc}\s"'`#;]+$/u;

/** HAProxy Technologies' controller: lines of one word, the target, or two, a pattern for the whole path before it. */
export function readPathRewrite(written: Written, paths: readonly RoutePath[]): readonly Rewrite[] {
  const lines = written.value.trim().split("\n");
  const parts = lines.map((line): Part | undefined => {
    const words = line.trim().split(/[ \t]+/);
    const [pattern = "", raw = ""] = words.length === 1 ? ["(.*)", ...words] : words;
    if (words.length > 2 || raw === "") return undefined;
    const target = raw.replaceAll(/\\([0-9])/g, "$$$1");
    const unsafe =
      raw.includes("$") || !PATTERN.test(pattern)
        ? "holds more than a plain path with captures such as \\1, or a pattern and such a path"
        : unsafeReason(target);
    const own = { pointer: written.pointer, key: pattern, path: pattern, pathType: "ImplementationSpecific" };
    const before = words.length === 1 ? "" : `${pattern} `;
    return { before, target, unsafe, paths: target.includes("$") ? [own] : paths };
  });
  const write = (before: string, target: string) => `${before}${target.replaceAll(/\$([0-9])/g, "\\$1")}`;
  return assemble({ ...written, dialect: "haproxy.org" }, parts, "is not one path, or a pattern and a path, a line", {
    write,
    separator: "\n",
  });
}

const SERVICE_REWRITE = /^\s*serviceName=([A-Za-z0-9.-]+)[ \t]+rewrite=(\S+)\s*$/;

/** F5's controller: `serviceName=minio rewrite=/BUCKET/`, several with ; between them. */
export function readServiceRewrites(written: Written, paths: readonly RoutePath[]): readonly Rewrite[] {
  const parts = written.value.split(";").map((text): Part | undefined => {
    const [, service, target] = SERVICE_REWRITE.exec(text) ?? [];
    if (service === undefined || target === undefined) return undefined;
    return { before: `serviceName=${service} rewrite=`, target, unsafe: unsafePlainReason(target), paths };
  });
  return assemble(
    { ...written, dialect: "nginx.org" },
    parts,
    "is not serviceName=SERVICE rewrite=/PATH, or several with ; between",
    {
      write: (before, target) => `${before}${target}`,
      separator: ";",
    },
  );
}

interface Syntax {
  write(before: string, target: string): string;
  readonly separator: string;
}

/** A Rewrite for each part; a single unsafe one when a part can't be read, or isn't safe. */
function assemble(
  written: Written & Pick<Rewrite, "dialect">,
  parts: readonly (Part | undefined)[],
  unreadable: string,
  { write, separator }: Syntax,
): readonly Rewrite[] {
  const read = parts.filter((part) => part !== undefined);
  const redirect = (bucket: string) =>
    read.map(({ before, target }) => write(before, redirectRewrite(target, bucket))).join(separator);
  const unsafe = reasonAgainst(written.value, parts, unreadable);
  if (unsafe !== undefined) return [{ ...written, target: "", unsafe, paths: [], redirect }];
  return read.map(({ target, paths }) => ({ ...written, target, unsafe: undefined, paths, redirect }));
}

function reasonAgainst(value: string, parts: readonly (Part | undefined)[], unreadable: string): string | undefined {
  if (value === "") return unsafeReason(value);
  if (parts.length > MAX_REWRITES) return `holds more than ${MAX_REWRITES} rewrites`;
  if (parts.includes(undefined)) return unreadable;
  return parts.find((part) => part?.unsafe !== undefined)?.unsafe;
}
