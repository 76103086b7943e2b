/** Policies that are well-formed and can never do anything: worth a warning, since nobody writes one on purpose. */
import { matchesGlob } from "../kube/glob.ts";
import { isSatisfiable } from "../kube/selectors.ts";
import { ALWAYS_EXCLUDED_NAMESPACES, type Policy } from "./policy.ts";
import type { Subject, SubjectMatch } from "./subjects.ts";

export interface Unreachable {
  /** JSON pointer of what keeps the policy from matching. */
  readonly pointer: string;
  readonly reason: string;
}

/** Undefined where nothing speaks against a match, as far as the policy itself tells. */
export function unreachableReason(policy: Policy): Unreachable | undefined {
  const { validates, mutates, namespaces, subjects, namespaceSelector, objectSelector, severities, rule } = policy;
  const never = "so the policy can never match";
  if (validates.length === 0 && mutates.length === 0) {
    return { pointer: "/spec/match", reason: `the rule ${rule.id} doesn't judge these operations, ${never}` };
  }
  const { include = ["*"], exclude = [] } = namespaces;
  const left = include.filter((pattern) => !exclude.some((excluded) => coversGlob(excluded, pattern)));
  if (left.length === 0) {
    return { pointer: "/spec/match/namespaces", reason: `exclude covers all that is included, ${never}` };
  }
  if (left.every((pattern) => ALWAYS_EXCLUDED_NAMESPACES.includes(pattern))) {
    const names = ALWAYS_EXCLUDED_NAMESPACES.join(", ");
    return { pointer: "/spec/match/namespaces", reason: `${names} are never judged, ${never}` };
  }
  if (!leavesSubjects(subjects)) {
    return { pointer: "/spec/match/subjects", reason: `exclude covers all that is included, ${never}` };
  }
  if (namespaceSelector && !isSatisfiable(namespaceSelector)) {
    return { pointer: "/spec/match/namespaceSelector", reason: `its requirements contradict each other, ${never}` };
  }
  if (objectSelector && !isSatisfiable(objectSelector)) {
    return { pointer: "/spec/match/objectSelector", reason: `its requirements contradict each other, ${never}` };
  }
  if (mutates.length === 0 && rule.codes.every(({ code }) => severities[code] === "off")) {
    return { pointer: "/spec/severities", reason: "every code is off, so the policy can never say anything" };
  }
  return undefined;
}

/** Whether a pattern names nothing that this one doesn't: its own `*` is matched by another `*` only. */
function coversGlob(pattern: string, narrower: string): boolean {
  return matchesGlob(pattern, narrower);
}

const EVERYBODY: Subject = { kind: "User", name: "*" };

function leavesSubjects({ include = [EVERYBODY], exclude = [] }: SubjectMatch): boolean {
  return include.some((subject) => !exclude.some((excluded) => coversSubject(excluded, subject)));
}

/** A group may cover a user, which the policy doesn't tell. */
function coversSubject(subject: Subject, narrower: Subject): boolean {
  if (subject.kind === "User" && coversGlob(subject.name, "*")) return true;
  return (
    subject.kind === narrower.kind &&
    coversGlob(subject.name, narrower.name) &&
    coversGlob(subject.namespace ?? "", narrower.namespace ?? "")
  );
}
