import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { PortcullisError } from "../errors.ts";
import type { Rule } from "../rules/rule.ts";
import { compileFiles, type PolicyFiles } from "./files.ts";
import type { Policy } from "./policy.ts";

/**
 * Reads every `*.yaml` of a directory. All problems of all files are reported at once, each with file, line, column and
 * field; throws PortcullisError POLICIES. `warn` gets what can be used but can hardly be meant, a line each.
 */
export function loadPolicies(
  directory: string,
  rules: readonly Rule[],
  warn: (line: string) => void = () => {},
): readonly Policy[] {
  return policiesOf(directory, readPolicyFiles(directory), rules, warn);
}

/** The second half of `loadPolicies`, for files that have been read. */
export function policiesOf(
  directory: string,
  files: PolicyFiles,
  rules: readonly Rule[],
  warn: (line: string) => void,
): readonly Policy[] {
  const { policies, problems, warnings } = compileFiles(files, rules);
  if (problems.length > 0) {
    const lines = problems.map((problem) => `\n  ${join(directory, problem.position)}: ${problem.message}`);
    throw new PortcullisError(
      "POLICIES",
      `${problems.length === 1 ? "a problem" : `${problems.length} problems`}${lines.join("")}`,
    );
  }
  if (policies.length === 0) {
    throw new PortcullisError("POLICIES", `${directory} holds no policy: no *.yaml file with a Policy in it`);
  }
  for (const { position, message } of warnings) warn(`${join(directory, position)}: ${message}`);
  return Object.freeze(policies);
}

/** While one version is read: the kubelet makes one a minute at most. */
const MAX_SWAPS = 10;

/** Texts by name, sorted, so that the order of messages doesn't depend on the file system. */
export function readPolicyFiles(directory: string): PolicyFiles {
  let problem = "it is being changed all the time";
  for (let swaps = 0; swaps < MAX_SWAPS; swaps++) {
    try {
      const source = currentDirectory(directory);
      const files = readFilesIn(source);
      // Once another is in its place, the kubelet removes a version file by file: what was read may be part of it.
      if (currentDirectory(directory) === source) return files;
    } catch (error) {
      problem = (error as NodeJS.ErrnoException).code ?? String(error);
      if (problem !== "ENOENT") break;
    }
  }
  throw new PortcullisError("POLICIES", `${directory} can't be read: ${problem}`);
}

function readFilesIn(source: string): PolicyFiles {
  const names = readdirSync(source)
    .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith("."))
    .sort();
  return new Map(names.map((name) => [name, readFileSync(join(source, name), "utf8")]));
}

/** Of a mounted ConfigMap what `..data` points to at the moment, so that a swap can't mix two sets of files. */
function currentDirectory(directory: string): string {
  const data = join(directory, "..data");
  return existsSync(data) ? realpathSync(data) : directory;
}
