import type { Severity, Violation, ViolationCode } from "../rule.ts";

/** In the order in which violations are reported. */
const TABLE = {
  "ING-MISSING-LABEL": ["error", "a static site lacks a required label"],
  "ING-MISSING-REWRITE": ["error", "a static site has the label bucket and nothing that rewrites to it"],
  "ING-EXTERNAL-REWRITE": [
    "warning",
    "a static site leaves the rewrite to Traefik Middlewares or another extension, which are not checked",
  ],
  "ING-DIALECT": ["warning", "a static Ingress has the rewrite-target annotation of an unknown controller"],
  "ING-UNSAFE": ["error", "a rewrite holds more than a plain path and captures, on any Ingress or HTTPRoute"],
  "ING-MISMATCH": ["error", "a rewrite goes to another bucket than the label bucket names"],
  "ING-NAME": ["error", "the label bucket is not a valid bucket name"],
  "ING-PATTERN": ["error", "the label bucket does not have the form that the policy asks for, or an impossible date"],
  "ING-FUTURE": ["warning", "the date in the label bucket is later than tomorrow (UTC)"],
  "ING-ROLLBACK": ["warning", "an update takes the label bucket back to an earlier date"],
  "ING-TAIL-LOST": [
    "warning",
    "a rewrite of the whole path without a capture sends every request of a path to one object",
  ],
  "ING-CAPTURE": ["error", "a rewrite uses a capture that a path does not have"],
  "ING-PATHTYPE": [
    "warning",
    "a regular expression is the path of an entry whose pathType is not ImplementationSpecific",
  ],
  "ING-PATH-INJECTION": ["error", "a path holds characters that can end a directive of the controller's configuration"],
  "ING-SNIPPET": ["error", "an annotation puts raw configuration into the controller"],
  "ING-RISKY": ["warning", "an ingress-nginx annotation that has let configuration be injected is in use"],
  "ING-BACKEND": ["error", "a static site has a backend that is not the object storage's S3 API"],
  "ING-HOST": ["warning", "a rule or route answers for every host"],
  "ING-CLASS": ["warning", "no class says which controller serves the Ingress, or two say different things"],
  "ING-TLS": ["warning", "a host is not in spec.tls, where the policy asks for that"],
} as const satisfies Readonly<Record<string, readonly [Severity, string]>>;

export const CODES: readonly ViolationCode[] = Object.entries(TABLE).map(([code, [severity, summary]]) => ({
  code,
  severity,
  summary,
}));

/** All of a violation but its code; `severity` only where it is not the code's own. */
export type Finding = Omit<Violation, "code" | "severity"> & { readonly severity?: Severity };

export function violationOf(code: keyof typeof TABLE, finding: Finding): Violation {
  return { code, severity: TABLE[code][0], ...finding };
}
