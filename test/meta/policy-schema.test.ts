/** The schema for editors, against the compiler of policies: what the one takes, the other must take, and the other way round. */
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
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
    .filter((block) => /^apiVersion: portcullis\.dev\//m.test(block) && /^kind: (?:Policy|Exception)$/m.test(block));
  expect(blocks.length).toBeGreaterThan(10);
  for (const block of blocks) expect(validate(parse(block)), `${block}${JSON.stringify(validate.errors)}`).toBe(true);
});

describe("the schema and the compiler agree", () => {
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
    ["a resource that the rule doesn't know", policyOf("rule: velero-backup, match: { resources: [services] }")],
    ["a code of another rule", policyOf('rule: velero-backup, severities: { LBL-MISSING: "off" }')],
    ["Deny and Warn together", policyOf("rule: velero-backup, validationActions: [Deny, Warn]")],
    [
      "a ServiceAccount without a namespace",
      policyOf("rule: velero-backup, match: { subjects: { include: [{ kind: ServiceAccount, name: a }] } }"),
    ],
    ["an exception without an end", policyOf("rule: velero-backup, exceptions: [{ names: [a], reason: b }]")],
    ["an exception from nothing in particular", exceptionOf("policies: [a], until: 2027-01-31, reason: b")],
    ["an exception without a reason", exceptionOf("policies: [a], names: [b], until: 2027-01-31")],
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
    [
      "a policy with an exception of its own",
      policyOf("rule: velero-backup, exceptions: [{ names: [a], codes: [VEL-UNKNOWN], until: 2027-01-31, reason: b }]"),
    ],
    ["an exception", exceptionOf("policies: [a], names: [b-*], until: 2027-01-31, reason: c")],
  ])("on %s: it is good", (_name, text) => {
    expect(problemsOf(text)).toEqual([]);
    expect(parseAllDocuments(text).every((document) => validate(document.toJS()))).toBe(true);
  });
});
