/** Follows the policies in a directory: what can't be used replaces nothing, and the last good set goes on judging. */
import { isDeepStrictEqual } from "node:util";
import { type DirectoryFollower, followDirectory } from "../follow-directory.ts";
import type { Rule } from "../rules/rule.ts";
import type { PolicyFiles } from "./files.ts";
import { policiesOf, readPolicyFiles } from "./load.ts";
import type { Policy } from "./policy.ts";

export interface PolicyFollower extends Omit<DirectoryFollower, "look"> {
  readonly rules: readonly Rule[];
  /** Of the policies that are in force already. */
  readonly loaded: PolicyFiles;
  /** Gets what can be used but can hardly be meant, a line each. */
  warn(line: string): void;
  /** Gets a set that can be used, from other files than the last one, or the last one again after a problem. */
  onPolicies(policies: readonly Policy[]): void;
  /** Gets each problem once, however long it lasts. */
  onProblem(problem: string): void;
}

/** Never throws, and never keeps the process alive. */
export function followPolicies(follower: PolicyFollower): { stop(): void } {
  const { directory, rules } = follower;
  let looked: PolicyFiles | undefined = follower.loaded;
  let problem: string | undefined;
  return followDirectory({
    ...follower,
    look() {
      const before = looked;
      // Unless they can be read: what comes after that is told, be it what was there before.
      looked = undefined;
      const files = readPolicyFiles(directory);
      looked = files;
      // Compiling takes long enough not to be done every ten seconds for nothing.
      if (isDeepStrictEqual(files, before)) return problem;
      try {
        follower.onPolicies(policiesOf(directory, files, rules, (line) => follower.warn(line)));
        problem = undefined;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
      return problem;
    },
  });
}
