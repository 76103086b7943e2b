import type { Violation, ViolationCode } from "../rule.ts";

/** In the order in which violations are reported. All are warnings: a Job that lingers has still done its work. */
const TABLE = {
  "JOB-TTL": "a Job has no ttlSecondsAfterFinished, so that it stays once it has finished",
  "JOB-BACKOFF": "a Job is retried more often than the policy wants",
  "JOB-DEADLINE": "a Job has no activeDeadlineSeconds, so that it may run for ever",
  "JOB-NAME": "a Job has a fixed name, where the policy asks for generateName",
  "JOB-CONCURRENCY": "a CronJob has a concurrencyPolicy that the policy doesn't list",
  "JOB-STARTING-DEADLINE": "a CronJob has no startingDeadlineSeconds, where the policy asks for one",
} as const satisfies Readonly<Record<string, string>>;

export const CODES: readonly ViolationCode[] = Object.entries(TABLE).map(([code, summary]) => ({
  code,
  severity: "warning",
  summary,
}));

export function warningOf(code: keyof typeof TABLE, finding: Omit<Violation, "code" | "severity">): Violation {
  return { code, severity: "warning", ...finding };
}
