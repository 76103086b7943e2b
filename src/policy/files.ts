/** All files of policies together: what a directory holds, or a ConfigMap. */
import { recordField, stringField } from "../kube/objects.ts";
import type { Rule } from "../rules/rule.ts";
import { type CompiledDocument, checkCodes, createPolicyCompiler, type ExceptionDocument } from "./compile.ts";
import { type Document, type Problem, parseDocuments } from "./document.ts";
import { type EnforcementMode, enforcePolicies } from "./enforcement.ts";
import type { PolicyException } from "./exceptions.ts";
import type { Policy } from "./policy.ts";
import { digestSpec } from "./policy-hash.ts";
import { describeProblem, didYouMean } from "./schema-errors.ts";

/** Texts by file name. */
export type PolicyFiles = ReadonlyMap<string, string>;

export interface CompiledFiles {
  /** In the order of their names, with the exceptions that name them, as far as they are in force. Not to be used where there are problems. */
  readonly policies: readonly Policy[];
  readonly problems: readonly Problem[];
  /** What can be used, and is hardly meant so. */
  readonly warnings: readonly Problem[];
}

const compilers = new WeakMap<readonly Rule[], ReturnType<typeof createPolicyCompiler>>();

export interface CompileOptions {
  /** Policies that exceptions may name, though they are in other files. */
  readonly elsewhere?: readonly Policy[];
  /** Called between documents, and names of policies in them; what it throws ends the work. */
  readonly pause?: (() => void) | undefined;
}

/** Every problem of every file at once. */
export function compileFiles(
  files: PolicyFiles,
  rules: readonly Rule[],
  { elsewhere = [], pause }: CompileOptions = {},
): CompiledFiles {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const policies = new Map<string, Named<Policy>>();
  const exceptions = new Map<string, Named<ExceptionDocument>>();
  let enforcement: { readonly mode: EnforcementMode; readonly document: Document } | undefined;
  /** Of documents with problems: what names them is not to blame. */
  const unusable = new Set<string>();
  const documents = [...files].flatMap(([file, text]) => parse(file, text, problems));
  const isAllRead = problems.length === 0;
  for (const document of documents) {
    pause?.();
    const { policy, exception, mode, ...told } = compileDocument(document, rules);
    problems.push(...told.problems);
    warnings.push(...told.warnings);
    if (policy) problems.push(...addNamed(policies, policy.name, { value: policy, document }));
    if (exception) {
      problems.push(...addNamed(exceptions, exception.exception.name, { value: exception, document }));
    }
    if (mode && enforcement) {
      const message = `there is an Enforcement in ${enforcement.document.position("/spec/mode")} already; keep one`;
      problems.push(describeProblem(document, "/kind", message));
    }
    if (mode) enforcement ??= { mode, document };
    if (mode === "auditOnly") {
      warnings.push(describeProblem(document, "/spec/mode", "auditOnly: no policy refuses anything"));
    }
    if (!policy && !exception && !mode)
      unusable.add(stringField(recordField(document.value, "metadata"), "name") ?? "");
  }
  const known = new Map(
    [...elsewhere, ...[...policies.values()].map(({ value }) => value)].map((policy) => [policy.name, policy]),
  );
  const byPolicy = new Map<string, PolicyException[]>();
  for (const { value, document } of exceptions.values()) {
    const { exception } = value;
    value.policies.forEach((name, index) => {
      pause?.();
      byPolicy.set(name, [...(byPolicy.get(name) ?? []), exception]);
      if (known.has(name) || unusable.has(name) || !isAllRead) return;
      // Anybody may ask the server about a ConfigMap: it doesn't list its policies.
      const message = `there is no policy ${JSON.stringify(name)}${didYouMean(name, [...known.keys()])}`;
      problems.push(describeProblem(document, `/spec/policies/${index}`, message));
    });
    const rulesOf = new Set(value.policies.flatMap((name) => known.get(name)?.rule ?? []));
    for (const rule of rulesOf) problems.push(...checkCodes(document, "/spec/codes", exception.codes ?? [], rule));
  }
  const sorted = [...policies.values()]
    .map(({ value }) => withExceptions(value, byPolicy.get(value.name) ?? []))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    policies: enforcePolicies(sorted, enforcement?.mode ?? "enforce"),
    problems,
    warnings,
  };
}

function parse(file: string, text: string, problems: Problem[]): readonly Document[] {
  if (file.endsWith(".yml")) {
    const message = "policy files end in .yaml; rename it or it would be overlooked";
    problems.push({ position: `${file}:1:1`, message });
    return [];
  }
  const parsed = parseDocuments(file, text);
  problems.push(...parsed.problems);
  return parsed.documents;
}

/** The schemas of a set of rules are compiled once: it takes longer than everything else. */
function compileDocument(document: Document, rules: readonly Rule[]): CompiledDocument {
  const compile = compilers.get(rules) ?? createPolicyCompiler(rules);
  compilers.set(rules, compile);
  return compile(document);
}

function withExceptions(policy: Policy, found: readonly PolicyException[]): Policy {
  if (found.length === 0) return policy;
  // The digest must not depend on which file they are in.
  const exceptions = found.toSorted((a, b) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1));
  const all = [...policy.exceptions, ...exceptions];
  const specDigest = digestSpec({ spec: policy.specDigest, exceptions });
  return Object.freeze({ ...policy, exceptions: all, specDigest });
}

interface Named<Value> {
  readonly value: Value;
  readonly document: Document;
}

/** Documents by name, of which there may be one each. */
function addNamed<Value>(entries: Map<string, Named<Value>>, name: string, entry: Named<Value>): readonly Problem[] {
  const first = entries.get(name);
  if (!first) entries.set(name, entry);
  if (!first) return [];
  const where = first.document.position("/metadata/name");
  const kind = "exception" in (entry.value as object) ? "an exception" : "a policy";
  return [
    entry.document.problem("/metadata/name", `"${name}" is the name of ${kind} in ${where} too; names must differ`),
  ];
}
