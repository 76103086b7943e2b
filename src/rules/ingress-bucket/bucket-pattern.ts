import { RE2JS } from "re2js";
import { compileLinearRegex } from "../../kube/linear-regex.ts";
import { InvalidParams } from "../rule.ts";

/** What the pattern's groups hold; absent where the pattern has no such group. */
export interface BucketParts {
  readonly name?: string;
  /** YYYYMMDD, a day that exists. */
  readonly date?: string;
}

/** `problem` is the end of a sentence: the bucket does not match, or its date is not a day. */
export type BucketParser = (bucket: string) => BucketParts | { readonly problem: string };

/** @throws InvalidParams when the pattern is not a usable RE2 pattern */
export function compileBucketPattern(pattern: string): BucketParser {
  const outcome = compileLinearRegex(pattern);
  if ("problem" in outcome) throw new InvalidParams([{ pointer: "/bucketPattern", message: outcome.problem }]);
  const { regex } = outcome;
  const compiled = RE2JS.compile(pattern);
  const groups = Object.keys(compiled.namedGroups());
  return (bucket) => {
    if (!regex.matches(bucket)) return { problem: `does not match the policy's pattern ${regex.source}` };
    const matcher = compiled.matcher(bucket);
    const groupOf = (group: string) =>
      groups.includes(group) && matcher.matches() ? (matcher.group(group) ?? undefined) : undefined;
    const name = groupOf("name");
    const date = groupOf("date");
    if (date !== undefined && !isCalendarDay(date))
      return { problem: `has the date ${date}, which is no day (YYYYMMDD)` };
    return { ...(name !== undefined && { name }), ...(date !== undefined && { date }) };
  };
}

const DAYS_OF_MONTH: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether YYYYMMDD is a day of the Gregorian calendar. */
export function isCalendarDay(date: string): boolean {
  if (!/^[0-9]{8}$/.test(date)) return false;
  const year = Number(date.slice(0, 4));
  const month = Number(date.slice(4, 6));
  const day = Number(date.slice(6));
  const isLeapYear = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 && isLeapYear ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0);
  return day >= 1 && day <= days;
}
