import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PortcullisError } from "../errors.ts";
import type { Rule } from "../rules/rule.ts";
import { createPolicyCompiler } from "./compile.ts";
import { type Document, type Problem, parseDocuments } from "./document.ts";
import type { Policy } from "./policy.ts";

/**
 * Reads every `*.yaml` of a directory. All problems of all files are reported at once, each with file, line, column and
 * field; throws PortcullisError POLICIES.
 */
export function loadPolicies(directory: string, rules: readonly Rule[]): readonly Policy[] {
  const problems: Problem[] = [];
  const documents: Document[] = [];
  for (const file of listPolicyFiles(directory)) {
    const parsed = parseDocuments(file, readFileSync(join(directory, file), "utf8"));
    problems.push(...parsed.problems);
    documents.push(...parsed.documents);
  }
  if (documents.length === 0 && problems.length === 0) {
    throw new PortcullisError("POLICIES", `${directory} holds no policy: no *.yaml file with a document in it`);
  }
  const compile = createPolicyCompiler(rules);
  const policies: Policy[] = [];
  const firstByName = new Map<string, Document>();
  for (const document of documents) {
    const result = compile(document);
    problems.push(...result.problems);
    if (!result.policy) continue;
    const first = firstByName.get(result.policy.name);
    if (first) {
      problems.push(
        document.problem(
          "/metadata/name",
          `"${result.policy.name}" is the name of a policy in ${first.position("/metadata/name")} too; names must differ`,
        ),
      );
    }
    firstByName.set(result.policy.name, document);
    policies.push(result.policy);
  }
  if (problems.length > 0) {
    const lines = problems.map((problem) => `\n  ${join(directory, problem.position)}: ${problem.message}`);
    throw new PortcullisError(
      "POLICIES",
      `${problems.length === 1 ? "a problem" : `${problems.length} problems`}${lines.join("")}`,
    );
  }
  return Object.freeze(policies.sort((a, b) => (a.name < b.name ? -1 : 1)));
}

/** Sorted, so that the order of messages doesn't depend on the file system. A ConfigMap's own `..data` is left out. */
function listPolicyFiles(directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    throw new PortcullisError("POLICIES", `${directory} can't be read: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    });
  }
  const misnamed = names.filter((name) => name.endsWith(".yml"));
  if (misnamed.length > 0) {
    throw new PortcullisError(
      "POLICIES",
      `${misnamed.map((name) => join(directory, name)).join(", ")}: policy files end in .yaml; rename it or it would be overlooked`,
    );
  }
  return names.filter((name) => name.endsWith(".yaml") && !name.startsWith("."));
}
