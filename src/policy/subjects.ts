/** Who sends a request, and whether a policy is about it: subjects as RBAC writes them, with `*` in their names. */
import { matchesGlob } from "../kube/glob.ts";

export interface Requester {
  readonly username: string;
  readonly groups: readonly string[];
}

export interface Subject {
  readonly kind: "User" | "Group" | "ServiceAccount";
  readonly name: string;
  /** Of a ServiceAccount. */
  readonly namespace?: string;
}

/** No `include` means everybody. */
export interface SubjectMatch {
  readonly include?: readonly Subject[];
  readonly exclude?: readonly Subject[];
}

export function matchesSubjects({ include, exclude }: SubjectMatch, requester: Requester): boolean {
  if (exclude?.some((subject) => isSubject(subject, requester))) return false;
  return include === undefined || include.some((subject) => isSubject(subject, requester));
}

function isSubject({ kind, name, namespace = "" }: Subject, { username, groups }: Requester): boolean {
  switch (kind) {
    case "User":
      return matchesGlob(name, username);
    case "Group":
      return groups.some((group) => matchesGlob(name, group));
    case "ServiceAccount": {
      const [, ofNamespace, ofName] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
      if (ofNamespace === undefined || ofName === undefined) return false;
      return matchesGlob(namespace, ofNamespace) && matchesGlob(name, ofName);
    }
  }
}
