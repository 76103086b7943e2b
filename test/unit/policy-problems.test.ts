/** What somebody reads who got a policy wrong: where, what, and what was perhaps meant. */
import { describe, expect, it } from "vitest";
import { createPolicyCompiler } from "../../src/policy/compile.ts";
import { parseDocuments } from "../../src/policy/document.ts";
import { InvalidParams, type Rule } from "../../src/rules/rule.ts";
import { ruleThatFinds } from "../support/policies.ts";

const RULE: Rule = {
  ...ruleThatFinds(),
  paramsSchema: {
    type: "object",
    additionalProperties: false,
    properties: {
      colour: { type: "string", default: "red", description: "A colour." },
      sizes: { type: "array", items: { type: "integer", minimum: 1 }, description: "Sizes." },
      port: { anyOf: [{ type: "integer" }, { type: "string" }], description: "A port." },
    },
  },
  compile(params) {
    const { colour } = params as { readonly colour: string };
    if (colour === "mauve") throw new InvalidParams([{ pointer: "/colour", message: "nobody likes mauve" }]);
    return params;
  },
};

const compileMadeUp = createPolicyCompiler([RULE]);

function compile(text: string, compileDocument = compileMadeUp) {
  const [document] = parseDocuments("a.yaml", text).documents;
  if (!document) throw new Error("the test's YAML is broken");
  const { policy, problems } = compileDocument(document);
  expect(policy === undefined).toBe(problems.length > 0);
  return { policy, problems: problems.map(({ position, message }) => `${position}: ${message}`) };
}

/** The problems of a policy with these lines at the end of its spec; they begin in line 7. */
function problemsOf(lines: string, compileDocument = compileMadeUp): readonly string[] {
  const text = `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata:
  name: a-policy
spec:
  rule: made-up
${lines}`;
  return compile(text, compileDocument).problems;
}

const A_KEY =
  "a label key (at most 63 letters, digits, -, _ and ., with a letter or digit at both ends, " +
  "perhaps behind a DNS name of at most 253 and a slash)";
const A_VALUE = "a label value (at most 63 letters, digits, -, _ and ., with a letter or digit at both ends)";

describe("a problem of a policy is told with its place", () => {
  it.each<[string, string, string]>([
    [
      "an unknown field that is nearly right",
      "  failurepolicy: Fail",
      "a.yaml:7:18: spec.failurepolicy: no such field; did you mean failurePolicy?",
    ],
    [
      "a wrong value that is nearly right",
      "  failurePolicy: fail",
      'a.yaml:7:18: spec.failurePolicy: must be one of Fail, Ignore, not "fail"; did you mean Fail?',
    ],
    [
      "a wrong value",
      "  validationActions: [Explode]",
      'a.yaml:7:23: spec.validationActions[0]: must be one of Deny, Warn, Audit, not "Explode"',
    ],
    [
      "Deny and Warn together",
      "  validationActions: [Deny, Warn]",
      "a.yaml:7:22: spec.validationActions: Deny and Warn exclude each other; choose one",
    ],
    [
      "no action at all",
      "  validationActions: []",
      "a.yaml:7:22: spec.validationActions: must NOT have fewer than 1 items, not []",
    ],
    [
      "a wrong type",
      "  promoteWarnings: sometimes",
      'a.yaml:7:20: spec.promoteWarnings: must be of type boolean, not "sometimes"',
    ],
    [
      "an empty selector",
      "  match: { objectSelector: {} }",
      "a.yaml:7:28: spec.match.objectSelector: must NOT have fewer than 1 properties, not {}",
    ],
    [
      "a requirement without values",
      "  match: { objectSelector: { matchExpressions: [{ key: tier, operator: In }] } }",
      "a.yaml:7:49: spec.match.objectSelector.matchExpressions[0]: values is missing",
    ],
    [
      "a requirement with values that it doesn't take",
      "  match: { objectSelector: { matchExpressions: [{ key: tier, operator: Exists, values: [gold] }] } }",
      "a.yaml:7:88: spec.match.objectSelector.matchExpressions[0].values: only In and NotIn have values",
    ],
    [
      "an operator in another case",
      "  match: { objectSelector: { matchExpressions: [{ key: tier, operator: in, values: [gold] }] } }",
      "a.yaml:7:72: spec.match.objectSelector.matchExpressions[0].operator: must be one of In, NotIn, Exists, " +
        'DoesNotExist, not "in"; did you mean In?',
    ],
    [
      "a label that there can't be",
      '  match: { namespaceSelector: { matchLabels: { "pay/ments/team": gold } } }',
      `a.yaml:7:66: spec.match.namespaceSelector.matchLabels[pay/ments/team]: must be ${A_KEY}, not "pay/ments/team"`,
    ],
    [
      "a value that no label has",
      '  match: { objectSelector: { matchLabels: { team: "pay ments" } } }',
      `a.yaml:7:51: spec.match.objectSelector.matchLabels.team: must be ${A_VALUE}, not "pay ments"`,
    ],
    [
      "a requirement of a label that there can't be",
      "  match: { objectSelector: { matchExpressions: [{ key: -tier, operator: Exists }] } }",
      `a.yaml:7:56: spec.match.objectSelector.matchExpressions[0].key: must be ${A_KEY}, not "-tier"`,
    ],
    [
      "a requirement with a value that no label has",
      '  match: { namespaceSelector: { matchExpressions: [{ key: tier, operator: In, values: [gold, "*"] }] } }',
      `a.yaml:7:94: spec.match.namespaceSelector.matchExpressions[0].values[1]: must be ${A_VALUE}, not "*"`,
    ],
    [
      "an unknown operation",
      "  match: { operations: [DELETE] }",
      'a.yaml:7:25: spec.match.operations[0]: must be one of CREATE, UPDATE, not "DELETE"',
    ],
    [
      "an unknown resource",
      "  match: { resources: [pods, pod] }",
      'a.yaml:7:30: spec.match.resources[1]: the rule made-up doesn\'t know "pod"; did you mean pods?',
    ],
    [
      "a resource with a wrong group",
      "  match: { resources: [pods.apps] }",
      'a.yaml:7:24: spec.match.resources[0]: the rule made-up doesn\'t know "pods.apps" (one of pods, configmaps)',
    ],
    [
      "an unknown code",
      "  severities: { MADE-UPP: off }",
      'a.yaml:7:27: spec.severities.MADE-UPP: the rule made-up has no code "MADE-UPP"; did you mean MADE-UP?',
    ],
    [
      "an unknown severity",
      "  severities: { MADE-UP: fatal }",
      'a.yaml:7:26: spec.severities.MADE-UP: must be one of error, warning, off, not "fatal"',
    ],
    [
      "an unknown param",
      "  params: { color: blue }",
      "a.yaml:7:20: spec.params.color: no such field; did you mean colour?",
    ],
    [
      "a param of a wrong type",
      "  params: { colour: 5 }",
      "a.yaml:7:21: spec.params.colour: must be of type string, not 5",
    ],
    [
      "a param of none of several types",
      "  params: { port: true }",
      "a.yaml:7:19: spec.params.port: must be of type integer or string, not true",
    ],
    [
      "a param that is too small",
      "  params:\n    sizes:\n      - 3\n      - 0",
      "a.yaml:10:9: spec.params.sizes[1]: must be >= 1, not 0",
    ],
    [
      "a param that only the rule can judge",
      "  params: { colour: mauve }",
      "a.yaml:7:21: spec.params.colour: nobody likes mauve",
    ],
    [
      "a runbook that is no link",
      "  runbookURL: ask Bob",
      'a.yaml:7:15: spec.runbookURL: must match pattern "^https?://", not "ask Bob"',
    ],
  ])("%s", (_name, lines, expected) => {
    expect(problemsOf(lines)).toEqual([expected]);
  });

  it("where something is missing, with the place of what should hold it", () => {
    expect(compile("apiVersion: portcullis.dev/v1alpha1\nkind: Policy\nspec: {}\n").problems).toEqual([
      "a.yaml:1:1: metadata is missing",
      "a.yaml:3:7: spec: rule is missing",
    ]);
  });

  it.each<[string, string]>([
    [
      "apiVersion: portcullis.dev/v1",
      'a.yaml:1:13: apiVersion: must be portcullis.dev/v1alpha1, not "portcullis.dev/v1"',
    ],
    ["kind: ConfigMap", 'a.yaml:1:7: kind: must be Policy, Exception or Enforcement, not "ConfigMap"'],
  ])("for a document of another sort, %s", (line, expected) => {
    expect(compile(`${line}\nmetadata: { name: a }\nspec: { rule: made-up }\n`).problems).toContain(expected);
  });

  it("for a rule that there isn't, with the one that was perhaps meant", () => {
    expect(
      compile("apiVersion: portcullis.dev/v1alpha1\nkind: Policy\nmetadata: { name: a }\nspec: { rule: madeup }\n")
        .problems,
    ).toEqual(['a.yaml:4:15: spec.rule: must be one of made-up, not "madeup"; did you mean made-up?']);
  });

  it("for mutate with a rule that never patches", () => {
    const { mutates: _, ...withoutPatches } = RULE;
    expect(problemsOf("  mutate: true", createPolicyCompiler([withoutPatches]))).toEqual([
      "a.yaml:7:11: spec.mutate: the rule made-up never patches; leave mutate out",
    ]);
  });

  it("all at once", () => {
    expect(
      problemsOf("  params: { colour: mauve }\n  match: { resources: [nodes] }\n  severities: { X: off }"),
    ).toHaveLength(3);
  });
});

/** The API server would refuse the webhooks for it, without a word of the policy. */
describe("a selector's label is what the API server takes", () => {
  const problemsWith = (key: string, value: string) =>
    ["namespaceSelector", "objectSelector"].flatMap((selector) => [
      ...problemsOf(`  match: { ${selector}: { matchLabels: { "${key}": "${value}" } } }`),
      ...problemsOf(
        `  match: { ${selector}: { matchExpressions: [{ key: "${key}", operator: NotIn, values: ["${value}"] }] } }`,
      ),
    ]);
  const prefix = "a".repeat(253);
  const name = "N".repeat(63);

  it.each([
    ["a", ""],
    ["a", "v".repeat(63)],
    ["1_.-Z", "1_.-Z"],
    [name, "v"],
    [`${prefix}/${name}`, "v"],
    [`${"a.".repeat(126)}a/b`, "v"],
  ])("%s: %s", (key, value) => {
    expect(problemsWith(key, value)).toEqual([]);
  });

  it.each([
    ["", "v"],
    [`${name}N`, "v"],
    [`${prefix}a/b`, "v"],
    [`${prefix}/${name}N`, "v"],
    ["/b", "v"],
    ["a/", "v"],
    ["A/b", "v"],
    ["a..b/c", "v"],
    ["a-", "v"],
    ["a\\n", "v"],
    ["a", "v".repeat(64)],
    ["a", "v."],
    ["a", "ä"],
    ["a", "v\\n"],
  ])("and not %j: %j", (key, value) => {
    expect(problemsWith(key, value)).toHaveLength(4);
  });
});
