/** Checks of rewrites together with the paths that they are applied to: what becomes of the rest of a request's path. */
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { violationOf } from "./codes.ts";
import type { Examination } from "./examination.ts";
import type { CompiledParams } from "./params.ts";
import { IMPLEMENTATION_SPECIFIC } from "./path-checks.ts";
import { capturesOf, countCaptureGroups, type Rewrite, replacesWholePath } from "./rewrites.ts";
import type { RoutePath } from "./route.ts";

export function checkTails({ isStatic, route, params }: Examination): readonly Violation[] {
  if (!isStatic) return [];
  return route.rewrites.flatMap((rewrite) =>
    rewrite.paths
      .filter((entry) => losesTail(rewrite, entry, params))
      .map((entry) =>
        violationOf("ING-TAIL-LOST", {
          // Only of nginx a policy can say that it does what it has done since 0.22.
          severity: rewrite.dialect === "nginx" && params.nginxSemantics === "capture" ? "error" : "warning",
          path: rewrite.pointer,
          message: `${readerOf(rewrite)} sends every request below ${quoted(entry.path)} to the one object ${quoted(rewrite.target)}`,
          fix: keepTail(rewrite, entry),
          subject: `${entry.key} ${rewrite.value}`,
        }),
      ),
  );
}

function losesTail(rewrite: Rewrite, { path, pathType }: RoutePath, { nginxSemantics }: CompiledParams): boolean {
  const { dialect, target, unsafe } = rewrite;
  if (!replacesWholePath(rewrite) || unsafe !== undefined || capturesOf(target).length > 0) return false;
  // ingress-nginx rewrites nothing where path and target are the same.
  if (dialect === "nginx" && (nginxSemantics === "append" || path === target)) return false;
  const isOneObject = pathType === "Exact" && target.split("/").filter((segment) => segment !== "").length >= 2;
  return !isOneObject;
}

function readerOf({ dialect }: Rewrite): string {
  if (dialect === "nginx") return "ingress-nginx";
  return dialect === "haproxy.org" ? "HAProxy" : dialect;
}

function keepTail({ dialect, key, target: written }: Rewrite, { path, pathType }: RoutePath): string {
  const target = written.replace(/\/$/, "");
  if (dialect === "haproxy.org") return `write ${key}: (.*) ${target}\\1`;
  if (dialect === "ReplaceFullPath") {
    return pathType === "Exact"
      ? `name the object, as in ${key}: ${target}/index.html`
      : `write path: {type: ReplacePrefixMatch, replacePrefixMatch: ${target}} in a rule whose one match is a PathPrefix`;
  }
  const groups = countCaptureGroups(path);
  if (groups > 0) return `write ${key}: ${target}/$${groups}`;
  const [capture, pattern] = path.endsWith("/") ? ["$1", `${path}(.*)`] : ["$2", `${path}(/|$)(.*)`];
  return `write ${key}: ${target}/${capture} with path: ${quoted(pattern)} and pathType: ${IMPLEMENTATION_SPECIFIC}`;
}

export function checkCaptures({ isStatic, route }: Examination): readonly Violation[] {
  if (!isStatic) return [];
  return route.rewrites.flatMap(({ dialect, pointer, value, target, unsafe, paths }) => {
    // What an unknown controller captures is not known, and paths times any number of annotations is too much work.
    if (unsafe !== undefined || dialect === "unknown") return [];
    const highest = Math.max(0, ...capturesOf(target));
    const [sign, holder] = dialect === "haproxy.org" ? ["\\", "pattern"] : ["$", "path"];
    return paths
      .filter(({ path }) => countCaptureGroups(path) < highest)
      .map((entry) =>
        violationOf("ING-CAPTURE", {
          path: pointer,
          message: `the rewrite ${quoted(value)} uses ${sign}${highest}, which the ${holder} ${quoted(entry.path)} does not capture`,
          fix:
            dialect === "haproxy.org"
              ? "use a lower number, or put a ( ) into the pattern for each, such as (.*) for \\1"
              : "use a lower number, or put a ( ) into the path for each, such as path: /(.*) for $1 or path: /x(/|$)(.*) for $2",
          subject: `${entry.key} ${value}`,
        }),
      );
  });
}
