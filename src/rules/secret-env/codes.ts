import type { Violation, ViolationCode } from "../rule.ts";

/** In the order in which a variable is asked: what a value shows goes before what a name lets one guess. */
const TABLE = {
  "SEC-ENV-KEY": "a variable holds a private key",
  "SEC-ENV-URL": "a variable holds a URL with a password in it",
  "SEC-ENV": "a variable whose name says that it is a secret has its value in plain text",
  "SEC-ENV-IDENTITY": "a variable names the account that a secret is for, where the policy asks for that",
} as const satisfies Readonly<Record<string, string>>;

export type SecretCode = keyof typeof TABLE;

export const CODES: readonly ViolationCode[] = Object.entries(TABLE).map(([code, summary]) => ({
  code,
  severity: "warning",
  summary,
}));

export function warningOf(code: SecretCode, finding: Omit<Violation, "code" | "severity">): Violation {
  return { code, severity: "warning", ...finding };
}
