/** What is said of exceptions that can't be, in a policy or in documents of their own, each with its place. */
import { describe, expect, it } from "vitest";
import { compileFiles } from "../../src/policy/files.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";

const RULE = ruleThatFinds();
const RULES = [RULE];
const POLICY = `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata:
  name: a-policy
spec:
  rule: made-up
`;

function problemsOf(files: Readonly<Record<string, string>>, elsewhere: readonly string[] = []): readonly string[] {
  const policies = elsewhere.map((name) => policyOf(RULE, {}, name));
  const { problems } = compileFiles(new Map(Object.entries(files)), RULES, { elsewhere: policies });
  return problems.map(({ position, message }) => `${position}: ${message}`);
}

/** Its spec begins in line 5. */
function exceptionText(spec: readonly string[], name = "for-a-while"): string {
  const lines = [
    "apiVersion: portcullis.dev/v1alpha1",
    "kind: Exception",
    `metadata: { name: ${name} }`,
    "spec:",
    ...spec.map((line) => `  ${line}`),
  ];
  return `${lines.join("\n")}\n`;
}

const FIELDS = ["namespaces: [shop]", "until: 2027-01-31", "reason: TICKET-12"];
const GOOD = exceptionText(["policies: [a-policy]", ...FIELDS]);

/** Of a list of exceptions in a policy, of which the second has these fields, in line 9. */
function problemsInPolicy(fields: string): readonly string[] {
  const text = `${POLICY}  exceptions:
    - { namespaces: [shop], until: 2027-01-31, reason: TICKET-12 }
    - { ${fields} }
`;
  return problemsOf({ "a.yaml": text });
}

const AT = "a.yaml:9:7: spec.exceptions[1]: ";

describe("an exception in a policy that can't be", () => {
  it.each<[string, string, readonly string[]]>([
    [
      "without an end",
      "namespaces: [shop], reason: TICKET-12",
      [`${AT}until is missing: an exception has to end; write the last day as YYYY-MM-DD`],
    ],
    [
      "without a reason",
      "namespaces: [shop], until: 2027-01-31",
      [`${AT}reason is missing: say why, for example with a ticket`],
    ],
    [
      "for everything",
      "until: 2027-01-31, reason: TICKET-12",
      [`${AT}needs namespaces or names: what it lets through`],
    ],
    [
      "for no namespace",
      "namespaces: [], until: 2027-01-31, reason: TICKET-12",
      ["a.yaml:9:21: spec.exceptions[1].namespaces: must NOT have fewer than 1 items, not []"],
    ],
    [
      "with an empty reason",
      'names: [web], until: 2027-01-31, reason: ""',
      ['a.yaml:9:50: spec.exceptions[1].reason: must NOT have fewer than 1 characters, not ""'],
    ],
    [
      "with a code that the rule doesn't have",
      "names: [web], until: 2027-01-31, reason: TICKET-12, codes: [MADE-UP, MADE-UP-TO]",
      [
        'a.yaml:9:78: spec.exceptions[1].codes[1]: the rule made-up has no code "MADE-UP-TO"; did you mean MADE-UP-TOO?',
      ],
    ],
    [
      "with a field that is nearly right",
      "names: [web], until: 2027-01-31, reason: TICKET-12, code: [MADE-UP]",
      ["a.yaml:9:67: spec.exceptions[1].code: no such field; did you mean codes?"],
    ],
    [
      "with nothing at all",
      "",
      [
        `${AT}needs namespaces or names: what it lets through`,
        `${AT}until is missing: an exception has to end; write the last day as YYYY-MM-DD`,
        `${AT}reason is missing: say why, for example with a ticket`,
      ],
    ],
  ])("%s", (_name, fields, expected) => {
    expect(problemsInPolicy(fields)).toEqual(expected);
  });

  it.each([
    "2027-02-30",
    "2027-02-29",
    "2027-13-01",
    "2027-1-31",
    "2027-00-10",
    "31.01.2027",
    "2027-01-31T00:00:00Z",
    "tomorrow",
    "",
  ])("with a last day that is none, %j", (until) => {
    expect(problemsInPolicy(`until: "${until}", names: [web], reason: TICKET-12`)).toEqual([
      `a.yaml:9:16: spec.exceptions[1].until: must be a day, YYYY-MM-DD, not "${until}"`,
    ]);
  });

  it("control: a leap day is a day", () => {
    expect(problemsInPolicy("until: 2028-02-29, names: [web], reason: TICKET-12")).toEqual([]);
  });
});

describe("a document of kind Exception that can't be", () => {
  it.each<[string, readonly string[], readonly string[]]>([
    [
      "without an end",
      ["policies: [a-policy]", "namespaces: [shop]", "reason: TICKET-12"],
      ["b.yaml:5:3: spec: until is missing: an exception has to end; write the last day as YYYY-MM-DD"],
    ],
    [
      "without a reason",
      ["policies: [a-policy]", "namespaces: [shop]", "until: 2027-01-31"],
      ["b.yaml:5:3: spec: reason is missing: say why, for example with a ticket"],
    ],
    [
      "for everything",
      ["policies: [a-policy]", "until: 2027-01-31", "reason: TICKET-12"],
      ["b.yaml:5:3: spec: needs namespaces or names: what it lets through"],
    ],
    ["for no policy", FIELDS, ["b.yaml:5:3: spec: policies is missing"]],
    [
      "with a last day that is none",
      ["policies: [a-policy]", "namespaces: [shop]", "until: 2027-02-30", "reason: TICKET-12"],
      ['b.yaml:7:10: spec.until: must be a day, YYYY-MM-DD, not "2027-02-30"'],
    ],
    [
      "with a code that the rule doesn't have, told once for all its policies of the rule",
      ["policies: [a-policy, another]", "codes: [MADE-DOWN]", ...FIELDS],
      ['b.yaml:6:11: spec.codes[0]: the rule made-up has no code "MADE-DOWN" (one of MADE-UP, MADE-UP-TOO)'],
    ],
    [
      "for a policy that isn't there",
      ["policies:", "  - a-policy", "  - a-polisy", ...FIELDS],
      ['b.yaml:7:7: spec.policies[1]: there is no policy "a-polisy"; did you mean a-policy?'],
    ],
    [
      "for policies that aren't there, without a list of those that are: the server tells nobody",
      ["policies: [secrets, volumes]", ...FIELDS],
      [
        'b.yaml:5:14: spec.policies[0]: there is no policy "secrets"',
        'b.yaml:5:23: spec.policies[1]: there is no policy "volumes"',
      ],
    ],
    [
      "with a field of a policy",
      ["policies: [a-policy]", ...FIELDS, "failurePolicy: Fail"],
      ["b.yaml:9:18: spec.failurePolicy: no such field (one of policies, namespaces, names, codes, until, reason)"],
    ],
  ])("%s", (_name, spec, expected) => {
    expect(problemsOf({ "a.yaml": POLICY, "b.yaml": exceptionText(spec) }, ["another"])).toEqual(expected);
  });

  it("where there are no policies at all", () => {
    expect(problemsOf({ "b.yaml": GOOD })).toEqual(['b.yaml:5:14: spec.policies[0]: there is no policy "a-policy"']);
  });

  it("of a kind that is nearly right", () => {
    expect(problemsOf({ "b.yaml": GOOD.replace("Exception", "Exeption") })).toEqual([
      'b.yaml:2:7: kind: must be Policy, Exception or Enforcement, not "Exeption"; did you mean Exception?',
    ]);
  });

  it("of the name of another, wherever that is", () => {
    expect(problemsOf({ "a.yaml": `${POLICY}---\n${GOOD}`, "b.yaml": GOOD })).toEqual([
      'b.yaml:3:19: "for-a-while" is the name of an exception in a.yaml:10:19 too; names must differ',
    ]);
  });

  it("with the name that no object can have", () => {
    expect(
      problemsOf({ "a.yaml": POLICY, "b.yaml": exceptionText(["policies: [a-policy]", ...FIELDS], "For_A") }),
    ).toEqual([expect.stringMatching(/^b\.yaml:3:19: metadata\.name: must match pattern ".*", not "For_A"$/)]);
  });
});

describe("no problem is", () => {
  it("an exception of a policy's name", () => {
    expect(
      problemsOf({ "a.yaml": POLICY, "b.yaml": exceptionText(["policies: [a-policy]", ...FIELDS], "a-policy") }),
    ).toEqual([]);
  });

  it("an exception for a policy that is elsewhere", () => {
    expect(problemsOf({ "b.yaml": GOOD }, ["a-policy"])).toEqual([]);
  });

  it("an exception for a policy that has problems itself: those are told, and no others", () => {
    expect(problemsOf({ "a.yaml": `${POLICY}  failurePolicy: Maybe\n`, "b.yaml": GOOD })).toEqual([
      'a.yaml:7:18: spec.failurePolicy: must be one of Fail, Ignore, not "Maybe"',
    ]);
  });

  it("an exception for a policy in a file that can't be read", () => {
    expect(problemsOf({ "a.yaml": `${POLICY}  message: "open\n`, "b.yaml": GOOD })).toEqual([
      expect.stringMatching(/^a\.yaml:/),
    ]);
    expect(problemsOf({ "a.yml": POLICY, "b.yaml": GOOD })).toEqual([expect.stringMatching(/^a\.yml:1:1: /)]);
  });
});
