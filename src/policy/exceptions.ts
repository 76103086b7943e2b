/** Exceptions: what a policy lets through for a while, and why. They stand in the policy or in documents of their own. */
import { matchesGlob } from "../kube/glob.ts";
import type { KubernetesObject } from "../kube/objects.ts";

export interface PolicyException {
  /** Of its document; absent where it stands in the policy. */
  readonly name?: string;
  /** Globs; absent: all. */
  readonly namespaces?: readonly string[];
  /** Globs over names of objects; absent: all. */
  readonly names?: readonly string[];
  /** Absent: all of the rule's codes. */
  readonly codes?: readonly string[];
  /** Its last day, YYYY-MM-DD. */
  readonly until: string;
  /** 24:00 UTC of that day, in milliseconds of Unix time. */
  readonly endMs: number;
  readonly reason: string;
}

export type ExceptionState = "active" | "lapsing" | "lapsed";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Time to mend what it is about, or to ask for another. */
const LAPSING_MS = 7 * DAY_MS;

/** The end of the day, in milliseconds of Unix time; undefined where there is no such day. */
export function endOfDay(date: string): number | undefined {
  const startMs = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  // Date.parse takes the 31st of a month that has 30.
  const isDay = !Number.isNaN(startMs) && new Date(startMs).toISOString().startsWith(date);
  return isDay ? startMs + DAY_MS : undefined;
}

export function stateOf({ endMs }: PolicyException, now: Date): ExceptionState {
  const leftMs = endMs - now.getTime();
  if (leftMs <= 0) return "lapsed";
  return leftMs <= LAPSING_MS ? "lapsing" : "active";
}

export interface ExceptionQuery {
  readonly code: string;
  readonly namespace: string;
  readonly object: KubernetesObject;
  readonly now: Date;
}

/** The exception that covers a violation; of several the one that lasts longest. */
export function findException(
  exceptions: readonly PolicyException[],
  { code, namespace, object, now }: ExceptionQuery,
): PolicyException | undefined {
  // A name that is yet to be generated is known by its beginning.
  const name = object.metadata?.name || object.metadata?.generateName || "";
  return exceptions
    .filter(
      (exception) =>
        stateOf(exception, now) !== "lapsed" &&
        (exception.codes === undefined || exception.codes.includes(code)) &&
        isAnyOf(exception.namespaces, namespace) &&
        isAnyOf(exception.names, name),
    )
    .reduce<PolicyException | undefined>(
      (longest, candidate) => (longest && longest.endMs >= candidate.endMs ? longest : candidate),
      undefined,
    );
}

function isAnyOf(patterns: readonly string[] | undefined, text: string): boolean {
  return patterns === undefined || patterns.some((pattern) => matchesGlob(pattern, text));
}
