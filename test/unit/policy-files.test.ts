/** The entry /validate/policies: ConfigMaps with policies are judged as they will be loaded. */
import { describe, expect, it } from "vitest";
import { DeadlineExceeded } from "../../src/admission/deadline.ts";
import { review } from "../../src/admission/review.ts";
import type { AdmissionResponse } from "../../src/admission/types.ts";
import { POLICIES_ENTRY, POLICIES_LABEL, type Policy } from "../../src/policy/policy.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, callOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const RULE = ruleThatFinds();
const RULES = [RULE];
const SERVED = policyOf(RULE, {}, "served");
const ALLOWED = { uid: UID, allowed: true };

type Data = Readonly<Record<string, unknown>>;

function policyText(name: string, lines = ""): string {
  return `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata:
  name: ${name}
spec:
  rule: made-up
${lines}`;
}

const GOOD = policyText("good");
const BAD = policyText("bad", "  failurePolicy: Maybe\n  mutates: true\n");
const NEVER = policyText("never", "  match:\n    namespaces: { include: [kube-system] }\n");
const EXCEPTION = `apiVersion: portcullis.dev/v1alpha1
kind: Exception
metadata: { name: for-a-while }
spec: { policies: [served], namespaces: [shop], until: 2027-01-31, reason: TICKET-12 }
`;
const OF_GOOD = EXCEPTION.replace("[served]", "[good]");

const LABELLED = { labels: { [POLICIES_LABEL]: "true" } };

function configMap(data: Data | undefined, metadata: object = {}) {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "policies", ...metadata },
    ...(data ? { data } : {}),
  };
}

function requestFor(data: Data | undefined, before?: Data, metadata: object = {}) {
  return requestOf({
    kind: { group: "", version: "v1", kind: "ConfigMap" },
    resource: { group: "", version: "v1", resource: "configmaps" },
    name: "policies",
    operation: before ? "UPDATE" : "CREATE",
    object: configMap(data, metadata),
    oldObject: before ? configMap(before, LABELLED) : null,
  });
}

function answerTo(
  data: Data | undefined,
  { before, metadata, served = [SERVED] }: { before?: Data; metadata?: object; served?: readonly Policy[] } = {},
): AdmissionResponse {
  const body = bytesOf(reviewOf(requestFor(data, before, metadata)));
  const call = callOf({ entry: POLICIES_ENTRY });
  return review(call, body, indexPolicies(served, RULES), { reviewed: () => {} }).response;
}

describe("a ConfigMap is stored", () => {
  it.each<[string, Data | undefined]>([
    ["with good policies", { "a.yaml": GOOD, "b.yaml": policyText("another") }],
    ["with a policy that is served already, in whatever form", { "a.yaml": policyText("served", "  mutate: false\n") }],
    ["with an exception for a policy that is served", { "exceptions.yaml": EXCEPTION }],
    ["with keys that don't end in .yaml: they are no policies", { "a.json": BAD, README: BAD, "a.yaml.orig": BAD }],
    ["with a key that begins with a dot: it isn't read", { ".a.yaml": BAD }],
    ["with nothing", {}],
    ["without data", undefined],
  ])("%s", (_name, data) => {
    expect(answerTo(data)).toEqual(ALLOWED);
  });

  it("with a warning for each policy that can never match", () => {
    expect(answerTo({ "a.yaml": GOOD, "b.yaml": NEVER })).toEqual({
      ...ALLOWED,
      warnings: [expect.stringMatching(/^b\.yaml:8:17: spec\.match\.namespaces: kube-system, .* never judged/)],
    });
  });
});

describe("a ConfigMap is refused", () => {
  it("unread, where its texts are larger than can be checked while others wait", () => {
    const [filler, limit] = ["# a comment\n", 128 * 1024];
    const textOf = (length: number) => GOOD + filler.repeat(limit / filler.length + 1).slice(0, length - GOOD.length);
    expect(answerTo({ "a.yaml": textOf(limit) })).toEqual(ALLOWED);
    for (const files of [
      { "a.yaml": textOf(limit + 1) },
      { "a.yaml": textOf(limit - 100), "b.yaml": "#".repeat(101) },
    ]) {
      const { allowed, status } = answerTo(files);
      expect(allowed).toBe(false);
      expect(status?.message).toContain("a.yaml: 131073 characters are too much to check, and 131072 are not");
    }
  });

  it("with every problem of every file, each with file, line and column", () => {
    const { allowed, status } = answerTo({ "c.yaml": GOOD, "b.yaml": `${GOOD}---\n${BAD}`, "a.yaml": "spec: {\n" });
    const lines = [
      /^these policies can't be used, and those that are loaded stay in force; 4 problems$/,
      /^ {2}a\.yaml:2:1: .+$/,
      /^ {2}b\.yaml:15:12: spec\.mutates: no such field; did you mean mutate\?$/,
      /^ {2}b\.yaml:14:18: spec\.failurePolicy: must be one of Fail, Ignore, not "Maybe"$/,
      /^ {2}c\.yaml:4:9: "good" is the name of a policy in b\.yaml:4:9 too; names must differ$/,
    ];
    expect(allowed).toBe(false);
    expect(status).toMatchObject({ code: 403, reason: "Forbidden" });
    expect(status?.message.split("\n")).toEqual(lines.map((line) => expect.stringMatching(line)));
    expect(status?.details?.causes.map(({ reason, field }) => [reason, field])).toEqual([
      ["POLICIES", "data[a.yaml]"],
      ["POLICIES", "data[b.yaml]"],
      ["POLICIES", "data[b.yaml]"],
      ["POLICIES", "data[c.yaml]"],
    ]);
  });

  it.each<[string, Data, RegExp]>([
    ["for one problem", { "a.yaml": policyText("a", "  rule: made-up\n") }, /^these .*; a problem\n {2}a\.yaml:7:3: /],
    [
      "for a key that ends in .yml, which would be overlooked",
      { "a.yml": GOOD },
      /\n {2}a\.yml:1:1: policy files end in \.yaml; rename it/,
    ],
    ["for a rule that there isn't", { "a.yaml": GOOD.replace("made-up", "madeup") }, /did you mean made-up\?$/],
    [
      "for an exception from a policy that is neither served nor in it",
      { "a.yaml": GOOD, "b.yaml": EXCEPTION.replace("[served]", "[good, missing]") },
      /; a problem\n {2}b\.yaml:4:26: spec\.policies\[1\]: there is no policy "missing"$/,
    ],
    [
      "for an exception with a code that the served policy's rule doesn't have",
      { "a.yaml": EXCEPTION.replace("reason", "codes: [MADE], reason") },
      /; a problem\n {2}a\.yaml:4:76: spec\.codes\[0\]: the rule made-up has no code "MADE"/,
    ],
    ["for a policy that is no text", { "a.yaml": "- 5\n" }, /a\.yaml:1:1: must be of type object/],
  ])("%s", (_name, data, expected) => {
    const { allowed, status } = answerTo(data);
    expect(allowed).toBe(false);
    expect(status?.message).toMatch(expected);
  });

  it("says nothing of the policies that are served to whoever asks for one that isn't", () => {
    const { status } = answerTo({ "a.yaml": EXCEPTION.replace("[served]", "[x]") });
    expect(status?.message).not.toContain("served");
  });
});

describe("an update", () => {
  it.each<[string, Data, Data, boolean]>([
    ["that changes nothing in data passes, whatever is there", { "a.yaml": BAD }, { "a.yaml": BAD }, true],
    ["that changes what is no policy passes", { "a.yaml": BAD, note: "b" }, { "a.yaml": BAD, note: "a" }, true],
    ["that changes a policy is judged", { "a.yaml": `${BAD}\n` }, { "a.yaml": BAD }, false],
    ["that adds a bad policy is judged", { "a.yaml": GOOD, "b.yaml": BAD }, { "a.yaml": GOOD }, false],
    ["that renames a bad policy's file is judged", { "b.yaml": BAD }, { "a.yaml": BAD }, false],
    [
      "that removes a policy with an exception is judged",
      { "b.yaml": OF_GOOD },
      { "a.yaml": GOOD, "b.yaml": OF_GOOD },
      false,
    ],
    ["that mends a policy passes", { "a.yaml": GOOD }, { "a.yaml": BAD }, true],
    ["that removes a bad policy passes", { "a.yaml": GOOD }, { "a.yaml": GOOD, "b.yaml": BAD }, true],
  ])("%s", (_name, data, before, expected) => {
    expect(answerTo(data, { before, metadata: { labels: { changed: "true" } } }).allowed).toBe(expected);
  });
});

it("an update that gives a ConfigMap the label is judged, though its data is as it was", () => {
  const request = {
    ...requestFor({ "a.yaml": BAD }, { "a.yaml": BAD }, LABELLED),
    oldObject: configMap({ "a.yaml": BAD }),
  };
  const answer = review(callOf({ entry: POLICIES_ENTRY }), bytesOf(reviewOf(request)), indexPolicies([], RULES), {
    reviewed: () => {},
  });
  expect(answer.response.allowed).toBe(false);
});

it("policies in a ConfigMap that goes away are not judged", () => {
  const metadata = { deletionTimestamp: "2026-11-21T12:00:00Z" };
  expect(answerTo({ "a.yaml": BAD }, { before: { "a.yaml": GOOD }, metadata })).toEqual(ALLOWED);
});

it("over HTTPS a bad policy is refused, and the policies that are served judge no ConfigMap there", async () => {
  const server = await serve([policyOf(ruleThatFinds({}), {}, "strict")], RULES);
  try {
    expect(await server.review("/validate/policies", requestFor({ "a.yaml": BAD }))).toMatchObject({
      allowed: false,
      status: { code: 403, message: expect.stringContaining("\n  a.yaml:7:18: spec.failurePolicy: ") },
    });
    expect(await server.review("/validate/policies", requestFor({ "a.yaml": GOOD }))).toEqual(ALLOWED);
    expect(await server.review("/validate", requestFor({ "a.yaml": GOOD }))).toMatchObject({ allowed: false });
    const entry = { phase: "validate" };
    expect(await server.sample("portcullis_unknown_entries_total", entry)).toBe(0);
  } finally {
    await server.close();
  }
});

it("a ConfigMap whose caller no longer waits is not checked to its end", () => {
  const call = callOf({ entry: POLICIES_ENTRY, isPastDeadline: () => true });
  const body = bytesOf(reviewOf(requestFor({ "a.yaml": GOOD }, undefined, LABELLED)));
  const index = indexPolicies([SERVED], RULES);
  expect(() => review(call, body, index, { reviewed() {} })).toThrow(DeadlineExceeded);
});
