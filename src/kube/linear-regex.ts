/**
 * Patterns that people write into policies, matched in linear time: a native RegExp can be made to hang the server by
 * one pattern and one value.
 */
import { RE2JS, RE2JSException } from "re2js";

/** A pattern of RE2's syntax (no look-around, no back-references) that has to match a whole value. */
export interface LinearRegex {
  /** The pattern as the policy has it. */
  readonly source: string;
  /** True when all of the subject matches, as if by `^(?:source)$`. Never true of a subject above the length cap. */
  matches(subject: string): boolean;
}

/** `problem` is one clause, fit for a `ParamsProblem`. */
export type RegexOutcome = { readonly regex: LinearRegex } | { readonly problem: string };

/** UTF-16 code units: a pattern of 1 KiB is no longer one that somebody reads. */
const MAX_PATTERN_LENGTH = 1024;
/** UTF-16 code units: far above a label value (63), a host name (253) and any sensible path. */
const MAX_SUBJECT_LENGTH = 4096;
/** RE2 instructions: the DNS-1123 subdomain with its lengths takes 260; at 2,500 the worst match took 50 ms. */
const MAX_PROGRAM_SIZE = 2000;

/** Compiles a policy's pattern for whole values only; a pattern that can't be used is a `problem`, never an exception. */
export function compileLinearRegex(source: string): RegexOutcome {
  if (source.length > MAX_PATTERN_LENGTH) {
    return { problem: `the pattern is ${source.length} characters long, above the limit of ${MAX_PATTERN_LENGTH}` };
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return { problem: error.message.replace("error parsing regexp", "not a pattern of RE2") };
  }
  if (compiled.programSize() > MAX_PROGRAM_SIZE) {
    return { problem: "the pattern is too large once its repetitions are written out; repeat fewer times" };
  }
  // Anchored by the engine, not by pasting `^(?:` and `)$` around it: `a)|(b` would break out of the parentheses.
  const matches = (subject: string) => subject.length <= MAX_SUBJECT_LENGTH && compiled.testExact(subject);
  return { regex: { source, matches } };
}
