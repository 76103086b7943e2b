/** A ConfigMap that holds policies is judged before a Pod finds out that they can't be used. */
import { labelOf, recordField, stringField } from "../kube/objects.ts";
import type { CompiledFiles, PolicyFiles } from "../policy/files.ts";
import { POLICIES_LABEL } from "../policy/policy.ts";
import type { AdmissionRequest, Outcome } from "./types.ts";

/** More than a hundred policies. To read more would keep other calls waiting, and anybody may send it. */
const MAX_CHARACTERS = 128 * 1024;

/** By key, as they will be mounted; undefined where there is nothing new to judge. */
export function policyFilesOf({ object, oldObject }: AdmissionRequest): PolicyFiles | undefined {
  const files = filesIn(object);
  // What had no label then has not been judged yet.
  const before = labelOf(oldObject, POLICIES_LABEL) === "true" ? filesIn(oldObject) : undefined;
  if (before && files.size === before.size && [...files].every(([name, text]) => before.get(name) === text)) {
    return undefined;
  }
  return files;
}

/** Why the files are refused unread. */
export function tooLarge(files: PolicyFiles): CompiledFiles | undefined {
  const characters = [...files.values()].reduce((sum, text) => sum + text.length, 0);
  if (characters <= MAX_CHARACTERS) return undefined;
  const message = `${characters} characters are too much to check, and ${MAX_CHARACTERS} are not; use several ConfigMaps`;
  return { policies: [], problems: [{ position: [...files.keys()][0] ?? "", message }], warnings: [] };
}

function filesIn(configMap: unknown): Map<string, string> {
  const data = recordField(configMap, "data");
  const names = Object.keys(data ?? {}).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith("."));
  return new Map(names.sort().map((name) => [name, stringField(data, name) ?? ""]));
}

/** Without problems it is allowed, with what is odd about the policies as warnings. */
export function judgePolicyFiles({ problems, warnings }: CompiledFiles): Outcome {
  const notices = warnings.map(({ position, message }) => `${position}: ${message}`);
  if (problems.length === 0) return { allowed: true, judged: [], patches: [], notices };
  const lines = problems.map(({ position, message }) => `\n  ${position}: ${message}`);
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  const message = `these policies can't be used, and those that are loaded stay in force; ${count}${lines.join("")}`;
  const causes = problems.map((problem) => ({
    reason: "POLICIES",
    message: problem.message,
    field: `data[${problem.position.replace(/:\d+:\d+$/, "")}]`,
  }));
  return { allowed: false, judged: [], patches: [], refusal: { message, causes } };
}
