/** Rules and policies that a test makes up. Policies go through the real compiler, so their defaults are the real ones. */
import { createPolicyCompiler } from "../../src/policy/compile.ts";
import { parseDocuments } from "../../src/policy/document.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { ResourceRule, Rule, Verdict, Violation } from "../../src/rules/rule.ts";

const PODS_AND_CONFIG_MAPS: readonly ResourceRule[] = [
  { group: "", version: "v1", resources: ["pods", "configmaps"], operations: ["CREATE", "UPDATE"] },
];

/** Knows Pods and ConfigMaps, patches both, and has the codes MADE-UP (error) and MADE-UP-TOO (warning). */
export function ruleOf(evaluate: Rule["evaluate"], parts: Partial<Rule> = {}): Rule {
  return {
    id: "made-up",
    summary: "Do as the test says.",
    resources: PODS_AND_CONFIG_MAPS,
    mutates: PODS_AND_CONFIG_MAPS,
    codes: [
      { code: "MADE-UP", severity: "error", summary: "the test says so" },
      { code: "MADE-UP-TOO", severity: "warning", summary: "the test says so, mildly" },
    ],
    paramsSchema: { type: "object", description: "Anything." },
    evaluate,
    ...parts,
  };
}

/** A rule that finds the same violations in every object. */
export function ruleThatFinds(...violations: readonly Partial<Violation>[]): Rule {
  return ruleOf(() => verdictOf(...violations));
}

export function verdictOf(...violations: readonly Partial<Violation>[]): Verdict {
  return { violations: violations.map(violationOf), patches: [] };
}

export function violationOf(parts: Partial<Violation> = {}): Violation {
  return { code: "MADE-UP", severity: "error", path: "/spec", message: "the spec is wrong", ...parts };
}

const compilers = new WeakMap<Rule, ReturnType<typeof createPolicyCompiler>>();

/** `spec` without `rule`, as a policy file has it. Throws with the compiler's problems. */
export function policyOf(rule: Rule, spec: object = {}, name = "a-policy"): Policy {
  const document = {
    apiVersion: "portcullis.dev/v1alpha1",
    kind: "Policy",
    metadata: { name },
    spec: { rule: rule.id, ...spec },
  };
  const [parsed] = parseDocuments("policy.yaml", JSON.stringify(document)).documents;
  if (!parsed) throw new Error("JSON is YAML");
  const compile = compilers.get(rule) ?? createPolicyCompiler([rule]);
  compilers.set(rule, compile);
  const { policy, problems } = compile(parsed);
  if (!policy) throw new Error(problems.map(({ position, message }) => `${position}: ${message}`).join("\n"));
  return policy;
}
