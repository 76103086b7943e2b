/** Exceptions that stand beside the policies that they are about, and the hash of both together. */
import { describe, expect, it } from "vitest";
import { compileFiles } from "../../src/policy/files.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { policyHash } from "../../src/policy/policy-hash.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";

const RULE = ruleThatFinds();
const RULES = [RULE];
const IN_APPLICATION = { namespaces: ["application"], until: "2027-01-31", reason: "TICKET-12" };
const POLICIES = ["a", "b", "c"].map((name) => ({ kind: "Policy", metadata: { name }, spec: { rule: "made-up" } }));
const EXCEPTION = {
  kind: "Exception",
  metadata: { name: "for-a-while" },
  spec: { policies: ["a", "c"], ...IN_APPLICATION },
};

function load(files: Readonly<Record<string, readonly object[]>>): readonly Policy[] {
  const texts = Object.entries(files).map(([name, documents]): [string, string] => [
    name,
    documents.map((one) => JSON.stringify({ apiVersion: "portcullis.dev/v1alpha1", ...one })).join("\n---\n"),
  ]);
  const { policies, problems } = compileFiles(new Map(texts), RULES);
  expect(problems).toEqual([]);
  return policies;
}

describe("an exception in a document of its own", () => {
  it.each<[string, Readonly<Record<string, readonly object[]>>]>([
    ["in the same file", { "a.yaml": [...POLICIES, EXCEPTION] }],
    ["in front of its policies", { "a.yaml": [EXCEPTION, ...POLICIES] }],
    ["in another file", { "a.yaml": [EXCEPTION], "b.yaml": POLICIES }],
  ])("counts for the policies that it names and no other, %s", (_name, files) => {
    const policies = load(files);
    expect(policies.map(({ name, exceptions }) => [name, exceptions.map((exception) => exception.name)])).toEqual([
      ["a", ["for-a-while"]],
      ["b", []],
      ["c", ["for-a-while"]],
    ]);
    expect(policies.every(Object.isFrozen)).toBe(true);
  });

  it("stands beside the policy's own", () => {
    const own = { kind: "Policy", metadata: { name: "a" }, spec: { rule: "made-up", exceptions: [IN_APPLICATION] } };
    const longer = { ...EXCEPTION, spec: { ...EXCEPTION.spec, policies: ["a"], until: "2027-06-30" } };
    const policies = load({ "a.yaml": [own, longer] });
    expect(policies[0]?.exceptions.map(({ until }) => until)).toEqual(["2027-01-31", "2027-06-30"]);
  });

  it("changes the hash of the policies, whatever it changes, and wherever it stands", () => {
    const hashWith = (spec: object, metadata: object = EXCEPTION.metadata) =>
      policyHash(load({ "a.yaml": [...POLICIES, { ...EXCEPTION, metadata, spec: { ...EXCEPTION.spec, ...spec } }] }));
    const hashes = [
      policyHash(load({ "a.yaml": POLICIES })),
      hashWith({}),
      hashWith({ policies: ["a"] }),
      hashWith({ until: "2027-02-01" }),
      hashWith({ reason: "TICKET-13" }),
      hashWith({ names: ["web"] }),
      hashWith({ codes: ["MADE-UP"] }),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    const own = (until: string) => policyHash([policyOf(RULE, { exceptions: [{ ...IN_APPLICATION, until }] })]);
    expect(own("2027-01-31")).not.toBe(own("2027-02-01"));
  });

  it("gives the same hash in whichever file it stands", () => {
    const another = { ...EXCEPTION, metadata: { name: "another" } };
    const one = load({ "a.yaml": [EXCEPTION], "b.yaml": [another], "c.yaml": POLICIES });
    const other = load({ "a.yaml": [...POLICIES, another], "b.yaml": [EXCEPTION] });
    expect(policyHash(other)).toBe(policyHash(one));
  });
});
