/** The document that says how far all policies are in force, and what becomes of them. */
import { describe, expect, it } from "vitest";
import { compileFiles } from "../../src/policy/files.ts";
import { entryOf, type Policy } from "../../src/policy/policy.ts";
import { policyHash } from "../../src/policy/policy-hash.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import { registrationHash } from "../../src/registration/desired.ts";
import { ruleThatFinds } from "../support/policies.ts";

const RULES = [ruleThatFinds()];

function policy(name: string, spec: object = {}): object {
  return { kind: "Policy", metadata: { name }, spec: { rule: "made-up", ...spec } };
}

function enforcement(mode: string): object {
  return { kind: "Enforcement", metadata: { name: "portcullis" }, spec: { mode } };
}

function compile(documents: readonly object[]) {
  const text = documents
    .map((one) => JSON.stringify({ apiVersion: "portcullis.dev/v1alpha1", ...one }))
    .join("\n---\n");
  return compileFiles(new Map([["a.yaml", text]]), RULES);
}

function load(...documents: readonly object[]): readonly Policy[] {
  const { policies, problems } = compile(documents);
  expect(problems).toEqual([]);
  return policies;
}

const told = ({ name, validationActions, failurePolicy, namespaceSelector }: Policy) => ({
  name,
  validationActions,
  failurePolicy,
  ...(namespaceSelector ? { namespaceSelector } : {}),
});
const LABELLED = { key: "portcullis.dev/enforce", operator: "In", values: ["true"] };
const OTHERS = { ...LABELLED, operator: "NotIn" };

describe("enforce", () => {
  it("is what holds without the document", () => {
    const policies = [policy("a"), policy("b", { validationActions: ["Audit"] })];
    expect(load(...policies, enforcement("enforce"))).toEqual(load(...policies));
    expect(policyHash(load(...policies, enforcement("enforce")))).toBe(policyHash(load(...policies)));
  });
});

describe("auditOnly", () => {
  it.each([
    [["Deny"], ["Warn", "Audit"]],
    [
      ["Deny", "Audit"],
      ["Warn", "Audit"],
    ],
    [["Warn"], ["Warn"]],
    [["Audit"], ["Audit"]],
  ])("makes %j %j, and a server that is out of reach is passed over", (validationActions, expected) => {
    expect(load(enforcement("auditOnly"), policy("a", { validationActions })).map(told)).toEqual([
      { name: "a", validationActions: expected, failurePolicy: "Ignore" },
    ]);
  });

  it("leaves alone what refuses nothing as it is", () => {
    const harmless = policy("a", { validationActions: ["Audit"], failurePolicy: "Ignore" });
    expect(load(harmless, enforcement("auditOnly"))).toEqual(load(harmless));
  });

  it("is told where it is written", () => {
    const { warnings } = compile([policy("a"), enforcement("auditOnly")]);
    expect(warnings).toEqual([
      { position: expect.stringMatching(/^a\.yaml:3:/), message: "spec.mode: auditOnly: no policy refuses anything" },
    ]);
    expect(compile([policy("a"), enforcement("enforceLabelled")]).warnings).toEqual([]);
  });
});

describe("enforceLabelled", () => {
  it("is the policy as it is where the namespace has the label, and auditOnly elsewhere", () => {
    expect(load(policy("a"), enforcement("enforceLabelled")).map(told)).toEqual([
      {
        name: "a",
        validationActions: ["Deny"],
        failurePolicy: "Fail",
        namespaceSelector: { matchExpressions: [LABELLED] },
      },
      {
        name: "a",
        validationActions: ["Warn", "Audit"],
        failurePolicy: "Ignore",
        namespaceSelector: { matchExpressions: [OTHERS] },
      },
    ]);
  });

  it("adds to the policy's own selector", () => {
    const own = { matchLabels: { team: "shop" }, matchExpressions: [{ key: "tier", operator: "Exists" }] };
    const policies = load(enforcement("enforceLabelled"), policy("a", { match: { namespaceSelector: own } }));
    expect(policies.map(({ namespaceSelector }) => namespaceSelector)).toEqual([
      { ...own, matchExpressions: [...own.matchExpressions, LABELLED] },
      { ...own, matchExpressions: [...own.matchExpressions, OTHERS] },
    ]);
  });

  it("asks each half at an entry of its own", () => {
    const policies = load(policy("a"), enforcement("enforceLabelled"));
    const [labelled = "", others = ""] = policies.map((half) => entryOf("validate", half));
    expect(labelled).not.toBe(others);
    const query = {
      phase: "validate",
      operation: "CREATE",
      resource: "pods",
      namespace: "shop",
      requester: { username: "jane", groups: [] },
    } as const;
    const actionsAt = (entry: string) =>
      indexPolicies(policies)
        .matching({ ...query, entry })
        .map(({ validationActions }) => validationActions);
    expect(actionsAt(labelled)).toEqual([["Deny"]]);
    expect(actionsAt(others)).toEqual([["Warn", "Audit"]]);
  });

  it("leaves a policy that refuses nothing as one", () => {
    const harmless = policy("a", { validationActions: ["Warn"], failurePolicy: "Ignore" });
    expect(load(harmless, enforcement("enforceLabelled"))).toEqual(load(harmless));
  });
});

it("each mode is another hash, of the policies and of the entries", () => {
  const sets = ["enforce", "enforceLabelled", "auditOnly"].map((mode) => load(policy("a"), enforcement(mode)));
  expect(new Set(sets.map(policyHash)).size).toBe(3);
  expect(new Set(sets.map(registrationHash)).size).toBe(3);
});

it("exceptions hold in every mode", () => {
  const exception = {
    kind: "Exception",
    metadata: { name: "e" },
    spec: { policies: ["a"], namespaces: ["legacy"], until: "2027-01-31", reason: "TICKET-12" },
  };
  for (const mode of ["enforceLabelled", "auditOnly"]) {
    for (const { exceptions } of load(policy("a"), exception, enforcement(mode))) expect(exceptions).toHaveLength(1);
  }
});

it("two documents are a problem, of which the second is told", () => {
  const { problems } = compile([policy("a"), enforcement("enforce"), enforcement("auditOnly")]);
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^kind: there is an Enforcement in a\.yaml:3:\d+ already; keep one$/),
  ]);
});

it("a mode that there isn't is a problem", () => {
  const { problems } = compile([policy("a"), enforcement("audit-only")]);
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringContaining("spec.mode: must be one of enforce, enforceLabelled, auditOnly, not"),
  ]);
});

describe("until register has run, the entries of before are judged", () => {
  const query = {
    operation: "CREATE",
    resource: "pods",
    namespace: "shop",
    requester: { username: "alice", groups: [] },
  } as const;
  const judging = (policies: readonly Policy[], entry: string) =>
    indexPolicies(policies)
      .matching({ ...query, phase: "validate", entry })
      .map(({ name, validationActions }) => ({ name, validationActions }));
  const policies = load(
    policy("a"),
    policy("b", { match: { objectSelector: { matchLabels: { c: "d" } } } }),
    enforcement("enforceLabelled"),
  );

  it("after enforce, which had the default one: refused as they were", () => {
    expect(judging(policies, "")).toEqual([{ name: "a", validationActions: ["Deny"] }]);
  });

  it("after auditOnly, which had another one: refused nowhere", () => {
    expect(judging(policies, "0123abcd")).toEqual([{ name: "a", validationActions: ["Warn", "Audit"] }]);
  });
});
