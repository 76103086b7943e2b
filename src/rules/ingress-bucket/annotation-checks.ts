/** Checks of the annotations that can reach into the controller's configuration, on every Ingress. */
import { matchesGlob } from "../../kube/glob.ts";
import { jsonPointer } from "../../kube/json-pointer.ts";
import type { Violation } from "../rule.ts";
import { violationOf } from "./codes.ts";
import type { Examination } from "./examination.ts";

export function checkSnippets({ object, namespace, params }: Examination): readonly Violation[] {
  if (params.snippetNamespaces.some((pattern) => matchesGlob(pattern, namespace))) return [];
  return Object.entries(object.metadata?.annotations ?? {})
    .filter(([key]) => key.endsWith("-snippet"))
    .map(([key, value]) =>
      violationOf("ING-SNIPPET", {
        path: jsonPointer("metadata", "annotations", key),
        message: "a snippet puts raw configuration into the controller that all namespaces share",
        fix: "remove the annotation, or have the namespace listed in the policy's snippetNamespaces",
        subject: value,
      }),
    );
}

/** ingress-nginx annotations through which configuration could be injected, and how that became known. */
const RISKY_ANNOTATIONS: ReadonlyMap<string, string> = new Map([
  ["nginx.ingress.kubernetes.io/auth-url", "CVE-2025-24514"],
  ["nginx.ingress.kubernetes.io/auth-tls-match-cn", "CVE-2025-1097"],
  ["nginx.ingress.kubernetes.io/mirror-target", "CVE-2025-1098"],
  ["nginx.ingress.kubernetes.io/mirror-host", "CVE-2025-1098"],
  ["nginx.ingress.kubernetes.io/permanent-redirect", "CVE-2023-5044"],
  ["nginx.ingress.kubernetes.io/auth-proxy-set-headers", "CVE-2025-15566"],
  ["nginx.ingress.kubernetes.io/server-alias", "risk level High in ingress-nginx"],
]);

/** What no honest value of these annotations needs. */
const CONFIGURATION_SYNTAX = /[\r\n;{}"'#\\]/;

/** The values stay out of the messages: an auth-url can hold a password. */
export function checkRiskyAnnotations({ object }: Examination): readonly Violation[] {
  return Object.entries(object.metadata?.annotations ?? {}).flatMap(([key, value]) => {
    const source = RISKY_ANNOTATIONS.get(key);
    if (source === undefined) return [];
    const path = jsonPointer("metadata", "annotations", key);
    return CONFIGURATION_SYNTAX.test(value)
      ? violationOf("ING-RISKY", {
          severity: "error",
          path,
          message: "the value holds characters that end a directive of nginx's configuration",
          fix: "leave out line breaks and ; { } \" ' # \\",
          subject: value,
        })
      : violationOf("ING-RISKY", {
          path,
          message: `configuration could be injected through this annotation (${source})`,
          fix: "remove it if it is not needed, and keep it only with a controller that is still patched",
          subject: value,
        });
  });
}
