/** docs/velero.md: every example is judged here, and the answer below it has to be the one that portcullis gives. */
import { expect, test } from "vitest";
import { parse } from "yaml";
import { loadPolicies } from "../../src/policy/load.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { ruleById, rules } from "../../src/rules/index.ts";
import { veleroBackup } from "../../src/rules/velero-backup/rule.ts";
import { SHIPPED_POLICIES } from "../support/installation.ts";
import { policyOf } from "../support/policies.ts";
import { answerTo } from "./pages/answer.ts";
import { type Example, toldExamples } from "./pages/told-examples.ts";
import { readSource } from "./source-files.ts";

const page = readSource("docs/velero.md");
const shipped = loadPolicies(SHIPPED_POLICIES, rules).filter(({ rule }) => rule === veleroBackup);

test.each(toldExamples(page, loadPolicy).map((example) => [example.line, example.section, example] as const))(
  "line %i, %s",
  (_line, _section, example) => {
    expect(answerOf(example)).toBe(example.told);
  },
);

test("Pods are patched when they are created, no template ever, and Velero's own objects are not looked at", () => {
  expect(veleroBackup.mutates).toEqual([{ group: "", version: "v1", resources: ["pods"], operations: ["CREATE"] }]);
  expect(veleroBackup.resources.map(({ group }) => group)).toEqual(["", "apps", "batch"]);
});

const POLICY =
  "apiVersion: portcullis.dev/v1alpha1\nkind: Policy\nmetadata: { name: a }\nspec: { rule: velero-backup, mutate: false }\n";
const POD = `apiVersion: v1
kind: Pod
metadata: { name: blog }
spec:
  containers: [{ name: web, volumeMounts: [{ name: data, mountPath: /data }] }]
  volumes: [{ name: data, persistentVolumeClaim: { claimName: blog-db } }]
`;
const told = fenced("text", "admitted as it is\n");

test("control: the answer is portcullis's, not the page's", () => {
  const writes = "writes backup.velero.io/backup-volumes: data\nwrites portcullis.dev/backup-volumes: generated";
  expect(answersOf(fenced("yaml", POD) + told)).toEqual([writes]);
  const warns = /^Warning: VEL-MISSING /;
  // The policy of a section ends with it.
  const page = `## a\n${fenced("yaml", POLICY)}${fenced("yaml", POD)}${told}## b\n${fenced("yaml", POD)}${told}`;
  expect(answersOf(page)).toEqual([expect.stringMatching(warns), writes]);
  // What is done to the Pod is the request.
  const annotate = fenced("sh", "kubectl annotate pod blog backup.velero.io/backup-volumes=blog-db\n");
  expect(answersOf(fenced("yaml", POD) + annotate + told)).toEqual([expect.stringMatching(/^refused: VEL-UNKNOWN /)]);
});

test.each([
  ["an object without an answer", fenced("yaml", POD), "line 1: no answer"],
  ["an object before another", fenced("yaml", POD) + fenced("yaml", POD) + told, "line 1: no answer"],
  ["an answer to nothing", told, "line 1: an answer to nothing"],
  ["a block that nothing looks at", fenced("json", "{}\n"), "line 1: neither yaml, sh nor text"],
  ["a block without an end", "```yaml\n", "the block that begins in line 1 has no end"],
  ["three objects", fenced("yaml", [POD, POD, POD].join("---\n")) + told, "line 1: one object, or two of an update"],
  ["a policy that doesn't load", fenced("yaml", POLICY.replace("mutate", "mutates")), "spec.mutates: no such field"],
  [
    "an annotation of another Pod",
    fenced("yaml", POD) + fenced("sh", "kubectl annotate pod other a=b\n"),
    "line 9: kubectl annotates another Pod than the page shows",
  ],
])("control: %s is refused", (_name, text, message) => {
  expect(() => toldExamples(text, loadPolicy)).toThrow(message);
});

function answerOf(example: Example): string {
  return answerTo(example, example.policy ? [example.policy] : shipped);
}

function answersOf(text: string): readonly string[] {
  return toldExamples(text, loadPolicy).map(answerOf);
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\`\`\`\n`;
}

function loadPolicy(text: string): Policy {
  const { metadata, spec } = parse(text);
  const rule = ruleById(spec.rule);
  if (!rule) throw new Error(`no rule is named ${spec.rule}`);
  return policyOf(rule, spec, metadata.name);
}
