/** Policies that load and can never do anything: each way is a warning with its place, and every other policy is none. */
import { describe, expect, it } from "vitest";
import { loadPolicies } from "../../src/policy/load.ts";
import type { ResourceRule } from "../../src/rules/rule.ts";
import { ruleOf, verdictOf } from "../support/policies.ts";
import { directoryOf } from "../support/policy-directory.ts";

const RESOURCES: readonly ResourceRule[] = [
  { group: "", version: "v1", resources: ["pods"], operations: ["CREATE"] },
  { group: "", version: "v1", resources: ["configmaps"], operations: ["CREATE", "UPDATE"] },
];
const JUDGING = ruleOf(() => verdictOf(), { resources: RESOURCES, mutates: [] });
const PATCHING = ruleOf(() => verdictOf(), { resources: RESOURCES, mutates: RESOURCES });

/** Of a policy with these lines at the end of its spec; they begin in line 7. */
function warningsOf(lines: string, rule = JUDGING): readonly string[] {
  const text = `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata:
  name: a-policy
spec:
  rule: made-up
${lines}
`;
  const directory = directoryOf({ "a.yaml": text });
  const warnings: string[] = [];
  expect(loadPolicies(directory, [rule], (line) => warnings.push(line))).toHaveLength(1);
  return warnings.map((warning) => warning.replace(directory, "DIR"));
}

const NAMESPACES = "DIR/a.yaml:7:24: spec.match.namespaces: ";
const SUBJECTS = "DIR/a.yaml:7:22: spec.match.subjects: ";
const COVERED = "exclude covers all that is included, so the policy can never match";
const UNJUDGED = "kube-system, kube-public, kube-node-lease are never judged, so the policy can never match";
const CONTRADICTION = "its requirements contradict each other, so the policy can never match";

function selector(field: string, ...requirements: readonly string[]): string {
  return `  match: { ${field}: { matchExpressions: [${requirements.map((one) => `{ key: tier, ${one} }`).join(", ")}] } }`;
}

describe("a warning is", () => {
  it.each<[string, string, string]>([
    [
      "operations that the rule doesn't judge",
      "  match: { resources: [pods], operations: [UPDATE] }",
      "DIR/a.yaml:7:10: spec.match: the rule made-up doesn't judge these operations, so the policy can never match",
    ],
    [
      "a namespace included and excluded",
      "  match: { namespaces: { include: [a], exclude: [b, a] } }",
      NAMESPACES + COVERED,
    ],
    [
      "patterns of namespaces that others cover",
      '  match: { namespaces: { include: [team-a-*, team-b], exclude: ["team-*"] } }',
      NAMESPACES + COVERED,
    ],
    ["every namespace excluded", '  match: { namespaces: { exclude: ["*"] } }', NAMESPACES + COVERED],
    [
      "namespaces that are never judged",
      "  match: { namespaces: { include: [kube-system, kube-public] } }",
      NAMESPACES + UNJUDGED,
    ],
    [
      "namespaces that are never judged, less those excluded",
      "  match: { namespaces: { include: [kube-system, a], exclude: [a] } }",
      NAMESPACES + UNJUDGED,
    ],
    ["every user excluded", '  match: { subjects: { exclude: [{ kind: User, name: "*" }] } }', SUBJECTS + COVERED],
    [
      "a group included and excluded",
      "  match: { subjects: { include: [{ kind: Group, name: a }], exclude: [{ kind: Group, name: 'a*' }] } }",
      SUBJECTS + COVERED,
    ],
    [
      "ServiceAccounts that others cover",
      "  match: { subjects: { include: [{ kind: ServiceAccount, namespace: ci, name: a }], " +
        "exclude: [{ kind: ServiceAccount, namespace: '*', name: '*' }] } }",
      SUBJECTS + COVERED,
    ],
    [
      "a namespaceSelector that asks for two values",
      selector("namespaceSelector", "operator: In, values: [gold]", "operator: In, values: [silver]"),
      `DIR/a.yaml:7:31: spec.match.namespaceSelector: ${CONTRADICTION}`,
    ],
    [
      "a namespaceSelector that asks for a label and for none",
      selector("namespaceSelector", "operator: Exists", "operator: DoesNotExist"),
      `DIR/a.yaml:7:31: spec.match.namespaceSelector: ${CONTRADICTION}`,
    ],
    [
      "an objectSelector that excludes what it asks for",
      selector("objectSelector", "operator: In, values: [a, b]", "operator: NotIn, values: [b, a]"),
      `DIR/a.yaml:7:28: spec.match.objectSelector: ${CONTRADICTION}`,
    ],
    [
      "an objectSelector whose label it excludes itself",
      "  match: { objectSelector: { matchLabels: { tier: a }, matchExpressions: [{ key: tier, operator: DoesNotExist }] } }",
      `DIR/a.yaml:7:28: spec.match.objectSelector: ${CONTRADICTION}`,
    ],
    [
      "every code off",
      '  severities: { MADE-UP: "off", MADE-UP-TOO: "off" }',
      "DIR/a.yaml:7:15: spec.severities: every code is off, so the policy can never say anything",
    ],
  ])("%s", (_name, lines, expected) => {
    expect(warningsOf(lines)).toEqual([expected]);
  });
});

describe("no warning is", () => {
  it.each<[string, string]>([
    ["a policy for everything", ""],
    ["operations of which the rule judges one", "  match: { resources: [pods], operations: [CREATE, UPDATE] }"],
    ["operations that the rule judges for one resource", "  match: { operations: [UPDATE] }"],
    ["namespaces of which some are left", '  match: { namespaces: { include: [a, b], exclude: ["a*"] } }'],
    [
      "a pattern of which something is left",
      "  match: { namespaces: { include: ['team-*'], exclude: [team-a, '*-dev'] } }",
    ],
    ["all namespaces but some", "  match: { namespaces: { exclude: ['a*'] } }"],
    ["a namespace that is judged, beside one that never is", "  match: { namespaces: { include: [kube-system, a] } }"],
    ["a pattern that one that is never judged has, too", "  match: { namespaces: { include: ['kube-*'] } }"],
    [
      "all users but some",
      "  match: { subjects: { exclude: [{ kind: User, name: 'a*' }, { kind: Group, name: '*' }] } }",
    ],
    [
      "a user of the name of a group that is excluded",
      "  match: { subjects: { include: [{ kind: User, name: a }], exclude: [{ kind: Group, name: a }] } }",
    ],
    [
      "a ServiceAccount of the name of one that is excluded elsewhere",
      "  match: { subjects: { include: [{ kind: ServiceAccount, namespace: ci, name: a }], " +
        "exclude: [{ kind: ServiceAccount, namespace: cd, name: a }] } }",
    ],
    ["a label with any value but one", selector("objectSelector", "operator: Exists", "operator: NotIn, values: [a]")],
    [
      "no label, or any value but one",
      selector("objectSelector", "operator: DoesNotExist", "operator: NotIn, values: [a]"),
    ],
    [
      "lists that have a value in common",
      selector(
        "objectSelector",
        "operator: In, values: [a, b]",
        "operator: In, values: [b, c]",
        "operator: NotIn, values: [a]",
      ),
    ],
    ["different values of different labels", "  match: { objectSelector: { matchLabels: { tier: a, stage: b } } }"],
    ["a code that is left", '  severities: { MADE-UP: "off" }'],
  ])("%s", (_name, lines) => {
    expect(warningsOf(lines)).toEqual([]);
  });

  it("every code off, where the policy patches", () => {
    expect(warningsOf('  severities: { MADE-UP: "off", MADE-UP-TOO: "off" }', PATCHING)).toEqual([]);
  });
});

it("where a policy has problems, they are told and nothing else", () => {
  const text = "{ apiVersion: portcullis.dev/v1alpha1, kind: Policy, metadata: { name: a }, spec: { rule: made-up";
  const directory = directoryOf({
    "a.yaml": `${text}, match: { namespaces: { exclude: ["*"] } } } }\n---\n${text}, mutate: 1 } }\n`,
  });
  const warnings: string[] = [];
  expect(() => loadPolicies(directory, [JUDGING], (line) => warnings.push(line))).toThrow(/a problem/);
  expect(warnings).toEqual([]);
});
