/** The schema for editors, against the compiler of policies: what the one takes, the other must take, and the other way round. */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { isRecord } from "../../src/kube/objects.ts";
import { compileFiles } from "../../src/policy/files.ts";
import { rules } from "../../src/rules/index.ts";
import { listFiles, ROOT, readSource } from "./source-files.ts";

const ajv = new Ajv({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
const validate = ajv.compile(JSON.parse(readSource("manifests/policy.schema.json")));

const POLICY_FILES = ["manifests/policies", "manifests/policies/optional"].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => `${folder}/${file}`),
);
const PAGES = listFiles("").filter((path) => path.endsWith(".md"));

function problemsOf(text: string): readonly string[] {
  return compileFiles(new Map([["a.yaml", text]]), rules).problems.map(({ message }) => message);
}

describe.each(POLICY_FILES)("%s", (path) => {
  it("is good by the schema", () => {
    for (const document of parseAllDocuments(readSource(path))) {
      expect(validate(document.toJS()), JSON.stringify(validate.errors)).toBe(true);
    }
  });

  it("tells the YAML language server where the schema is", () => {
    const [, target = ""] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readSource(path)) ?? [];
    expect(join(dirname(path), target)).toBe("manifests/policy.schema.json");
  });
});

it("the policies and exceptions of the pages are good by the schema", () => {
  const blocks = PAGES.flatMap((path) => [...readSource(path).matchAll(/^```yaml\n(.*?)^```$/gms)])
    .map(([, block = ""]) => block)
    .filter(
      (block) =>
        /^apiVersion: portcullis\.dev\//m.test(block) && /^kind: (?:Policy|Exception|Enforcement)$/m.test(block),
    );
  expect(blocks.length).toBeGreaterThan(10);
  for (const block of blocks) expect(validate(parse(block)), `${block}${JSON.stringify(validate.errors)}`).toBe(true);
});

it("tells of every field, param and code what it is for", () => {
  expect(undescribed(JSON.parse(readSource("manifests/policy.schema.json")))).toEqual([]);
});

it("control: a field that is told of nowhere is found", () => {
  const told = { properties: { a: { description: "A." } } };
  expect(
    undescribed({ allOf: [told, { else: { properties: { a: {}, b: { items: { properties: { c: {} } } } } } }] }),
  ).toEqual(["b", "c"]);
});

describe("the schema and the compiler agree", () => {
  const enforcementOf = (spec: string) =>
    `{ apiVersion: portcullis.dev/v1alpha1, kind: Enforcement, metadata: { name: a }, spec: { ${spec} } }`;
  const policyOf = (spec: string) =>
    `{ apiVersion: portcullis.dev/v1alpha1, kind: Policy, metadata: { name: a }, spec: { ${spec} } }`;
  const exceptionOf = (spec: string) =>
    `${policyOf("rule: velero-backup")}\n---\n{ apiVersion: portcullis.dev/v1alpha1, kind: Exception, metadata: { name: e }, spec: { ${spec} } }`;

  it.each([
    ["a rule that there isn't", policyOf("rule: velero")],
    ["no rule", policyOf("mutate: true")],
    ["an unknown field", policyOf("rule: velero-backup, matches: {}")],
    ["an unknown param", policyOf("rule: velero-backup, params: { modes: off }")],
    ["a param of another rule", policyOf("rule: velero-backup, params: { labels: [{ anyOf: [app] }] }")],
    ["a param with another value", policyOf("rule: velero-backup, params: { mode: sometimes }")],
    ["a missing param", policyOf("rule: required-labels, params: {}")],
    ["no params where one is needed", policyOf("rule: required-labels")],
    ["mutate with a rule that never patches", policyOf("rule: job-hygiene, mutate: true")],
    [
      "a requirement without values",
      policyOf("rule: velero-backup, match: { objectSelector: { matchExpressions: [{ key: a, operator: In }] } }"),
    ],
    ["a resource that the rule doesn't know", policyOf("rule: velero-backup, match: { resources: [services] }")],
    ["a code of another rule", policyOf('rule: velero-backup, severities: { LBL-MISSING: "off" }')],
    ["Deny and Warn together", policyOf("rule: velero-backup, validationActions: [Deny, Warn]")],
    [
      "a ServiceAccount without a namespace",
      policyOf("rule: velero-backup, match: { subjects: { include: [{ kind: ServiceAccount, name: a }] } }"),
    ],
    ["an exception without an end", policyOf("rule: velero-backup, exceptions: [{ names: [a], reason: b }]")],
    [
      "an exception whose end is no day",
      policyOf("rule: velero-backup, exceptions: [{ names: [a], until: 31.01.2027, reason: b }]"),
    ],
    [
      "an exception with a code of another rule",
      policyOf("rule: velero-backup, exceptions: [{ names: [a], codes: [LBL-MISSING], until: 2027-01-31, reason: b }]"),
    ],
    [
      "an exception with a code that no rule has",
      exceptionOf("policies: [a], names: [b], codes: [VEL-NONE], until: 2027-01-31, reason: c"),
    ],
    [
      "a document of an exception whose end is no day",
      exceptionOf("policies: [a], names: [b], until: soon, reason: c"),
    ],
    ["an exception from nothing in particular", exceptionOf("policies: [a], until: 2027-01-31, reason: b")],
    ["an exception without a reason", exceptionOf("policies: [a], names: [b], until: 2027-01-31")],
    ["an enforcement mode that there isn't", enforcementOf("mode: audit")],
    ["an enforcement without a mode", enforcementOf("")],
    [
      "a document of another kind",
      "{ apiVersion: portcullis.dev/v1alpha1, kind: Polcy, metadata: { name: a }, spec: {} }",
    ],
  ])("on %s: it is bad", (_name, text) => {
    expect(problemsOf(text)).not.toEqual([]);
    expect(parseAllDocuments(text).every((document) => validate(document.toJS()))).toBe(false);
  });

  it.each([
    ["the shortest policy", policyOf("rule: velero-backup")],
    ["mutate: false with a rule that never patches", policyOf("rule: job-hygiene, mutate: false")],
    [
      "a requirement that takes no values",
      policyOf("rule: velero-backup, match: { objectSelector: { matchExpressions: [{ key: a, operator: Exists }] } }"),
    ],
    [
      "a policy with an exception of its own",
      policyOf("rule: velero-backup, exceptions: [{ names: [a], codes: [VEL-UNKNOWN], until: 2027-01-31, reason: b }]"),
    ],
    ["an enforcement", enforcementOf("mode: auditOnly")],
    ["an exception", exceptionOf("policies: [a], names: [b-*], until: 2027-01-31, reason: c")],
  ])("on %s: it is good", (_name, text) => {
    expect(problemsOf(text)).toEqual([]);
    expect(parseAllDocuments(text).every((document) => validate(document.toJS()))).toBe(true);
  });
});

/** Names of properties that have no description anywhere; conditions describe nothing. */
function undescribed(schema: unknown): readonly string[] {
  const described = new Map<string, boolean>();
  const visit = (part: unknown): void => {
    if (!isRecord(part)) return;
    for (const [name, inner] of Object.entries(part.properties ?? {})) {
      described.set(name, (described.get(name) ?? false) || (isRecord(inner) && typeof inner.description === "string"));
      visit(inner);
    }
    for (const key of ["items", "additionalProperties", "then", "else"]) visit(part[key]);
    if (Array.isArray(part.allOf)) part.allOf.forEach(visit);
  };
  visit(schema);
  return [...described].filter(([, isDescribed]) => !isDescribed).map(([name]) => name);
}
