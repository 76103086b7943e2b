/** Checks of the paths: by themselves on every Ingress, and together with the rewrites on a static one. */
import { jsonPointer } from "../../kube/json-pointer.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { violationOf } from "./codes.ts";
import { type Examination, severityByStatic } from "./examination.ts";
import type { IngressPath } from "./ingress.ts";
import { capturesOf, countCaptureGroups, type Rewrite } from "./rewrites.ts";

const IMPLEMENTATION_SPECIFIC = "ImplementationSpecific";

export function checkTails({ isStatic, ingress, rewrites, params }: Examination): readonly Violation[] {
  if (!isStatic || params.nginxSemantics === "append") return [];
  return rewrites.flatMap((rewrite) =>
    ingress.paths
      .filter((entry) => losesTail(rewrite, entry))
      .map((entry) =>
        violationOf("ING-TAIL-LOST", {
          severity: params.nginxSemantics === "capture" ? "error" : "warning",
          path: jsonPointer("metadata", "annotations", rewrite.key),
          message: `ingress-nginx sends every request below ${quoted(entry.path)} to the one object ${quoted(rewrite.value)}`,
          fix: keepTail(rewrite, entry),
          subject: `${entry.key} ${rewrite.value}`,
        }),
      ),
  );
}

function losesTail({ family, value, unsafe }: Rewrite, { path, pathType }: IngressPath): boolean {
  if (family !== "nginx" || unsafe !== undefined || capturesOf(value).length > 0) return false;
  if (path === value) return false; // ingress-nginx then rewrites nothing
  const isOneObject = pathType === "Exact" && value.split("/").filter((segment) => segment !== "").length >= 2;
  return !isOneObject;
}

function keepTail({ key, value }: Rewrite, { path }: IngressPath): string {
  const target = value.replace(/\/$/, "");
  const groups = countCaptureGroups(path);
  if (groups > 0) return `write ${key}: ${target}/$${groups}`;
  const [capture, pattern] = path.endsWith("/") ? ["$1", `${path}(.*)`] : ["$2", `${path}(/|$)(.*)`];
  return `write ${key}: ${target}/${capture} with path: ${quoted(pattern)} and pathType: ${IMPLEMENTATION_SPECIFIC}`;
}

export function checkCaptures({ isStatic, ingress, rewrites }: Examination): readonly Violation[] {
  if (!isStatic) return [];
  return rewrites.flatMap(({ key, value, unsafe, isKnownDialect }) => {
    // What an unknown controller captures is not known, and paths times any number of annotations is too much work.
    if (unsafe !== undefined || !isKnownDialect) return [];
    const highest = Math.max(0, ...capturesOf(value));
    return ingress.paths
      .filter(({ path }) => countCaptureGroups(path) < highest)
      .map((entry) =>
        violationOf("ING-CAPTURE", {
          path: jsonPointer("metadata", "annotations", key),
          message: `the rewrite ${quoted(value)} uses $${highest}, which the path ${quoted(entry.path)} does not capture`,
          fix: `use a lower number, or put a ( ) into the path for each, such as path: /(.*) for $1 or path: /x(/|$)(.*) for $2`,
          subject: `${entry.key} ${value}`,
        }),
      );
  });
}

/** What only a regular expression has in a path. Of the other metacharacters, ING-PATH-INJECTION speaks. */
const REGEX_METACHARACTERS = /[$^*+?()[\]|]/;

export function checkPathTypes({ isStatic, ingress }: Examination): readonly Violation[] {
  return ingress.paths
    .filter(({ path, pathType }) => pathType !== IMPLEMENTATION_SPECIFIC && REGEX_METACHARACTERS.test(path))
    .map(({ pointer, key, path, pathType }) =>
      violationOf("ING-PATHTYPE", {
        severity: severityByStatic(isStatic),
        subject: key,
        path: `${pointer}/pathType`,
        message: `${quoted(path)} is a regular expression, which pathType ${quoted(pathType)} does not allow`,
        fix: `write pathType: ${IMPLEMENTATION_SPECIFIC}`,
      }),
    );
}

/** What ends a directive, a string or a comment of nginx's configuration, and every control character. */
const CONFIGURATION_SYNTAX = /[\p{Cc} ;{}"'#]/u;

export function checkPathInjection({ ingress }: Examination): readonly Violation[] {
  return ingress.paths.flatMap(({ pointer, key, path, pathType }) => {
    const hasForeignBackslash = path.includes("\\") && pathType !== IMPLEMENTATION_SPECIFIC;
    if (path.startsWith("/") && !CONFIGURATION_SYNTAX.test(path) && !hasForeignBackslash) return [];
    return violationOf("ING-PATH-INJECTION", {
      path: `${pointer}/path`,
      message: `the path ${quoted(path)} could become part of the controller's configuration`,
      fix: `begin the path with / and leave out ; { } " ' # spaces and control characters, and \\ unless pathType is ${IMPLEMENTATION_SPECIFIC}`,
      subject: key,
    });
  });
}
