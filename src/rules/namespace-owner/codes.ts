import type { Severity, Violation, ViolationCode } from "../rule.ts";

/** In the order in which violations are reported. */
const TABLE = {
  "NS-RESERVED": ["error", "a namespace with a reserved name is created by a user without the privilege"],
  "NS-NAME": ["error", "the namespace has another name than the one that belongs to the login in its label"],
  "NS-OWNER": ["error", "a label that says who owns the namespace is missing, or the owner's id is not a number"],
  "NS-OWNER-CHANGED": ["error", "such a label is set, changed or removed afterwards by a user without the privilege"],
  "NS-POD-SECURITY": [
    "warning",
    "the namespace enforces no level of Pod Security, or a laxer one than the policy asks for",
  ],
} as const satisfies Readonly<Record<string, readonly [Severity, string]>>;

export type NamespaceCode = keyof typeof TABLE;

export const CODES: readonly ViolationCode[] = Object.entries(TABLE).map(([code, [severity, summary]]) => ({
  code,
  severity,
  summary,
}));

export function violationOf(code: NamespaceCode, finding: Omit<Violation, "code" | "severity">): Violation {
  return { code, severity: TABLE[code][0], ...finding };
}
