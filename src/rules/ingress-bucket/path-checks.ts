/** Checks of the paths of an Ingress by themselves, static or not. */
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { violationOf } from "./codes.ts";
import { type Examination, severityByStatic } from "./examination.ts";

export const IMPLEMENTATION_SPECIFIC = "ImplementationSpecific";

/** What only a regular expression has in a path. Of the other metacharacters, ING-PATH-INJECTION speaks. */
const REGEX_METACHARACTERS = /[$^*+?()[\]|]/;

export function checkPathTypes({ isStatic, route }: Examination): readonly Violation[] {
  return route.paths
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

export function checkPathInjection({ route }: Examination): readonly Violation[] {
  return route.paths.flatMap(({ pointer, key, path, pathType }) => {
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
