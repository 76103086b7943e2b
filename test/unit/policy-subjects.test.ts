/** match.subjects: whom a policy is about, and what is said of subjects that can't be. */
import { describe, expect, it } from "vitest";
import { compileFiles } from "../../src/policy/files.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import type { Requester } from "../../src/policy/subjects.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";

const RULE = ruleThatFinds();
const RULES = [RULE];

const ALICE: Requester = { username: "alice@example.org", groups: ["team-a", "system:authenticated"] };
const DEPLOYER: Requester = {
  username: "system:serviceaccount:ci:deployer",
  groups: ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"],
};

function isAsked(subjects: object | undefined, requester: Requester): boolean {
  const policy = policyOf(RULE, subjects ? { match: { subjects } } : {});
  const pod = { entry: "", operation: "CREATE", resource: "pods", namespace: "shop" } as const;
  const [validate, mutate] = (["validate", "mutate"] as const).map(
    (phase) => indexPolicies([policy]).matching({ ...pod, phase, requester }).length === 1,
  );
  expect(mutate).toBe(validate);
  return validate === true;
}

function user(name: string) {
  return { kind: "User", name };
}

function group(name: string) {
  return { kind: "Group", name };
}

function account(namespace: string, name: string) {
  return { kind: "ServiceAccount", namespace, name };
}

describe("a policy is about", () => {
  it("everybody who is not excluded, where nobody is included", () => {
    const nobody = { username: "", groups: [] };
    for (const requester of [ALICE, DEPLOYER, nobody]) {
      expect(isAsked(undefined, requester)).toBe(true);
      expect(isAsked({ exclude: [user("bob")] }, requester)).toBe(true);
    }
  });

  it.each<[string, object, Requester, boolean]>([
    ["a user by name", user("alice@example.org"), ALICE, true],
    ["no user whose name only begins so", user("alice"), ALICE, false],
    ["users by a pattern", user("*@example.org"), ALICE, true],
    ["users by a pattern, no other", user("*@example.com"), ALICE, false],
    ["no user whose group has the name", user("team-a"), ALICE, false],
    ["a group by name, whichever of the user's it is", group("system:authenticated"), ALICE, true],
    ["groups by a pattern", group("team-*"), ALICE, true],
    ["no group that the user isn't in", group("team-b"), ALICE, false],
    ["no group that has the user's name", group("alice@example.org"), ALICE, false],
    ["a ServiceAccount", account("ci", "deployer"), DEPLOYER, true],
    ["ServiceAccounts of a namespace", account("ci", "*"), DEPLOYER, true],
    ["ServiceAccounts of namespaces by a pattern", account("c*", "deploy*"), DEPLOYER, true],
    ["no ServiceAccount of that name elsewhere", account("cd", "deployer"), DEPLOYER, false],
    ["no other ServiceAccount of the namespace", account("ci", "deploy"), DEPLOYER, false],
    ["no user who is no ServiceAccount", account("*", "*"), ALICE, false],
    ["a ServiceAccount by its username", user("system:serviceaccount:ci:*"), DEPLOYER, true],
    ["ServiceAccounts by their group", group("system:serviceaccounts:ci"), DEPLOYER, true],
  ])("%s: %j", (_name, subject, requester, expected) => {
    expect(isAsked({ include: [subject] }, requester)).toBe(expected);
    expect(isAsked({ exclude: [subject] }, requester)).toBe(!expected);
  });

  it.each([
    "system:serviceaccount",
    "system:serviceaccount:ci",
    "system:serviceaccount:ci:",
    "system:serviceaccount::deployer",
    "system:serviceaccount:ci:deployer:more",
    "my:serviceaccount:ci:deployer",
    "system:node:ci:deployer",
  ])("no ServiceAccount by a name that only looks like one's, %s", (username) => {
    expect(isAsked({ include: [account("*", "*")] }, { username, groups: [] })).toBe(false);
  });

  it("any of several, and none that is excluded though included", () => {
    const subjects = { include: [user("alice*"), group("system:serviceaccounts")], exclude: [account("ci", "*")] };
    expect(isAsked(subjects, ALICE)).toBe(true);
    expect(isAsked(subjects, DEPLOYER)).toBe(false);
    expect(isAsked(subjects, { ...DEPLOYER, username: "system:serviceaccount:cd:deployer" })).toBe(true);
  });
});

/** With these lines below `subjects`, which begin in line 9. */
function problemsOf(lines: string): readonly string[] {
  const text = `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata:
  name: a-policy
spec:
  rule: made-up
  match:
    subjects:
${lines}`;
  const { problems } = compileFiles(new Map([["a.yaml", text]]), RULES);
  return problems.map(({ position, message }) => `${position}: ${message}`);
}

describe("a subject that can't be is told with its place", () => {
  it.each<[string, string, readonly string[]]>([
    [
      "a ServiceAccount without a namespace",
      "      exclude:\n        - { kind: ServiceAccount, name: deployer }\n",
      ["a.yaml:10:11: spec.match.subjects.exclude[0]: namespace is missing"],
    ],
    [
      "a User with a namespace",
      "      include:\n        - { kind: Group, name: team-a }\n        - { kind: User, name: alice, namespace: ci }\n",
      ["a.yaml:11:49: spec.match.subjects.include[1].namespace: only a ServiceAccount has a namespace"],
    ],
    [
      "a Group with a namespace",
      "      include:\n        - { kind: Group, name: team-a, namespace: ci }\n",
      ["a.yaml:10:51: spec.match.subjects.include[0].namespace: only a ServiceAccount has a namespace"],
    ],
    [
      "a kind in another case, which has a namespace",
      "      include:\n        - { kind: Serviceaccount, name: deployer, namespace: ci }\n",
      [
        "a.yaml:10:19: spec.match.subjects.include[0].kind: must be one of User, Group, ServiceAccount, " +
          'not "Serviceaccount"; did you mean ServiceAccount?',
      ],
    ],
    [
      "a kind that isn't there",
      "      include:\n        - { kind: Role, name: admin }\n",
      ['a.yaml:10:19: spec.match.subjects.include[0].kind: must be one of User, Group, ServiceAccount, not "Role"'],
    ],
    [
      "an empty name",
      '      include:\n        - { kind: User, name: "" }\n',
      ['a.yaml:10:31: spec.match.subjects.include[0].name: must NOT have fewer than 1 characters, not ""'],
    ],
    [
      "an apiGroup, as RBAC has it",
      "      include:\n        - { kind: User, name: alice, apiGroup: rbac.authorization.k8s.io }\n",
      ["a.yaml:10:48: spec.match.subjects.include[0].apiGroup: no such field (one of kind, name, namespace)"],
    ],
    [
      "nobody in a list",
      "      include: []\n",
      ["a.yaml:9:16: spec.match.subjects.include: must NOT have fewer than 1 items, not []"],
    ],
  ])("%s", (_name, lines, expected) => {
    expect(problemsOf(lines)).toEqual(expected);
  });
});
