/** JOB-TTL, JOB-BACKOFF and JOB-DEADLINE: what a Job's own spec says of its end. */
import { fieldPath } from "../../kube/json-pointer.ts";
import type { Violation } from "../rule.ts";
import { warningOf } from "./codes.ts";
import type { Params } from "./params.ts";

/** The spec of a Job, or of the Jobs that a CronJob makes. */
export interface JobSpec {
  /** JSON pointer of `fields`. */
  readonly pointer: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function judgeTtl({ pointer, fields }: JobSpec, { ttlSeconds }: Params): Violation[] {
  if (numberField(fields, "ttlSecondsAfterFinished") !== undefined) return [];
  const message = "nothing removes the Job and its Pods once it has finished";
  const fix = `add "ttlSecondsAfterFinished: ${ttlSeconds}" under ${fieldPath(pointer)}`;
  return [warningOf("JOB-TTL", { path: `${pointer}/ttlSecondsAfterFinished`, message, fix })];
}

export function judgeBackoff({ pointer, fields }: JobSpec, { maxBackoffLimit }: Params): Violation[] {
  // An indexed Job with a limit for each index gets 2147483647 for all of them together from the API server.
  if (numberField(fields, "backoffLimitPerIndex") !== undefined) return [];
  const backoffLimit = numberField(fields, "backoffLimit");
  if (backoffLimit === undefined || backoffLimit <= maxBackoffLimit) return [];
  const message = `the Job is tried again ${backoffLimit} times before it has failed, more than ${maxBackoffLimit}`;
  const fix = `set "backoffLimit: ${maxBackoffLimit}" or less under ${fieldPath(pointer)}`;
  const subject = String(backoffLimit);
  return [warningOf("JOB-BACKOFF", { path: `${pointer}/backoffLimit`, message, fix, subject })];
}

export function judgeDeadline({ pointer, fields }: JobSpec, { deadlineSeconds }: Params): Violation[] {
  if (numberField(fields, "activeDeadlineSeconds") !== undefined) return [];
  const message = "nothing ends the Job if it hangs";
  const fix = `add "activeDeadlineSeconds: ${deadlineSeconds}" under ${fieldPath(pointer)}, or as long as it may take`;
  return [warningOf("JOB-DEADLINE", { path: `${pointer}/activeDeadlineSeconds`, message, fix })];
}

export function numberField(fields: Readonly<Record<string, unknown>>, field: string): number | undefined {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  return typeof value === "number" ? value : undefined;
}
