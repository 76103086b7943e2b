/** docs/rules.md can't say anything but what the rules say: it is made by asking them. docs.test.ts compares the file. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { rules } from "../../src/rules/index.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { type Case, casesOf } from "../support/cases.ts";
import { ruleOf, violationOf } from "../support/policies.ts";
import { compactYaml, oneLine } from "./generated/compact-yaml.ts";
import { renderRules } from "./generated/rules-page.ts";

const POD = { apiVersion: "v1", kind: "Pod", metadata: { labels: { colour: "green" } } };
const CODES = [{ code: "MADE-UP", severity: "error", summary: "the colour is wrong" }] as const;

/** Judges what it is shown, so that a page has its message only from asking it. */
function ruleAbout(text: string, parts: Partial<Rule> = {}): Rule {
  return ruleOf(
    ({ object, now, operation }) => ({
      violations: [
        violationOf({
          path: "/metadata/labels/colour",
          message: `${text}: ${object.metadata?.labels?.colour}, ${operation}`,
          fix: now.getUTCFullYear() < 2050 ? "write red" : "write blue",
        }),
      ],
      patches: [],
    }),
    { codes: CODES, ...parts },
  );
}

function caseOf(parts: Partial<Case> = {}): Case {
  const { code, path } = violationOf();
  return {
    name: "a case",
    params: {},
    mutate: true,
    operation: "CREATE",
    resource: "pods",
    namespace: "application",
    username: "alice",
    now: new Date("2026-11-21T12:00:00Z"),
    object: POD,
    violations: [{ code, path }],
    refused: [],
    ...parts,
  };
}

function pageOf(rule: Rule, ...cases: readonly Case[]): string {
  return renderRules([rule], () => cases);
}

test("the answer of an example comes from the rule: another message is another page", () => {
  const page = pageOf(ruleAbout("a colour"), caseOf());
  expect(page).toContain("MADE-UP metadata.labels.colour: a colour: green, CREATE; write red\n");
  expect(pageOf(ruleAbout("another"), caseOf())).toContain("MADE-UP metadata.labels.colour: another: green");
  const red = { ...POD, metadata: { labels: { colour: "red" } } };
  expect(pageOf(ruleAbout("a colour"), caseOf({ object: red }))).toContain("a colour: red");
});

test("a code that the rule doesn't answer with is no page", () => {
  const silent = ruleOf(() => ({ violations: [], patches: [] }), { codes: CODES });
  expect(() => pageOf(silent, caseOf())).toThrow('made-up: the case "a case" doesn\'t fire MADE-UP');
  expect(() => pageOf(silent, caseOf({ violations: [] }))).toThrow("no case of made-up fires MADE-UP");
});

test("control characters in a message are shown as users see them", () => {
  expect(pageOf(ruleAbout("\u001b[2J"), caseOf())).toContain("MADE-UP metadata.labels.colour: \\u001b[2J: green");
});

test("what a case has besides its object is told, and nothing else", () => {
  const rule = ruleAbout("it", {
    paramsSchema: { type: "object", properties: { size: { type: "integer", default: 1 }, depth: { type: "integer" } } },
  });
  const oldObject = { ...POD, metadata: { labels: { colour: "blue" } } };
  const page = pageOf(
    rule,
    caseOf({ params: { size: 1, depth: 2 }, mutate: false, operation: "UPDATE", oldObject, username: "bob" }),
  );
  expect(page).toContain(
    "Given `params: { depth: 2 }`, `mutate: false`, the user `bob`, the date 2026-11-21:\n\nAn update of\n\n",
  );
  expect(page).toContain("metadata: { labels: { colour: blue } }\n```\n\nto\n\n");
  const timeless = ruleOf(() => ({ violations: [violationOf()], patches: [] }), { codes: CODES });
  expect(pageOf(timeless, caseOf())).not.toContain("Given");
  const long = { depth: ["x".repeat(99)] };
  expect(pageOf(timeless, caseOf({ params: long }))).toContain(
    "Given these params:\n\n```yaml\nparams:\n  depth:\n    - xxx",
  );
});

test("of several cases it is the smallest, best one that has the code alone, its usual severity and a place on a cluster", () => {
  const { code, path } = violationOf();
  const named = (colour: string, parts: Partial<Case> = {}) =>
    caseOf({ object: { ...POD, metadata: { labels: { colour } } }, ...parts });
  const cases = [
    named("a", { notLive: "no cluster has it" }),
    named("b", { violations: [{ code, path, severity: "warning" }] }),
    named("c", { violations: [{ code, path }, violationOf({ code: "OTHER" })] }),
    named("long"),
    named("best"),
    named("longest"),
  ];
  expect(pageOf(ruleAbout("it"), ...cases)).toContain("it: long,");
  expect(pageOf(ruleAbout("it"), ...cases.toReversed())).toContain("it: best,");
  expect(pageOf(ruleAbout("it"), ...cases.slice(0, 3))).toContain("it: c,");
  const mild = pageOf(ruleAbout("it"), ...cases.slice(0, 2));
  expect(mild).toContain("it: b,");
  expect(mild).toContain("Here it is of severity warning.");
});

test("parameters are told with type, default and meaning, however deep", () => {
  const paramsSchema = {
    type: "object",
    required: ["labels"],
    properties: {
      labels: {
        type: "array",
        description: "Labels.",
        items: {
          type: "object",
          properties: { anyOf: { type: "array", items: { type: "string" }, description: "Keys." } },
        },
      },
      limit: { type: "integer", minimum: 1, maximum: 9, default: 3, description: "A limit." },
      mode: { enum: ["a|b", "c"], description: "A mode." },
      pattern: { type: "string", default: "\\d: {8}", description: "A pattern." },
      owners: { type: "object", additionalProperties: { type: "string" }, default: { a: "b" }, description: "Owners." },
      ports: { type: "array", items: { anyOf: [{ type: "integer" }, { type: "string" }] }, description: "Ports." },
    },
  };
  expect(pageOf(ruleAbout("it", { paramsSchema }), caseOf({ params: { labels: [] } }))).toContain(
    [
      "| `labels` | list of maps | required | Labels. |",
      "| `labels[].anyOf` | list of strings | – | Keys. |",
      "| `limit` | integer from 1 to 9 | `3` | A limit. |",
      "| `mode` | `a\\|b`, `c` | – | A mode. |",
      "| `pattern` | string | `\\d: {8}` | A pattern. |",
      "| `owners` | map of strings | `{ a: b }` | Owners. |",
      "| `ports` | list of integers or strings | – | Ports. |",
    ].join("\n"),
  );
});

test("requests are told with their operations", () => {
  const operations = ["CREATE", "UPDATE"] as const;
  const resources = [
    { group: "apps", version: "v1", resources: ["deployments"], operations },
    { group: "", version: "v1", resources: ["pods"], operations: ["CREATE"] },
    { group: "batch", version: "v1", resources: ["jobs"], operations },
  ] as const;
  const { mutates, ...rest } = ruleAbout("it", { resources });
  const judges = "- Judges `deployments.apps`, `jobs.batch` on CREATE and UPDATE; `pods` on CREATE.";
  expect(pageOf(rest, caseOf({ mutate: false }))).toContain(`${judges}\n- Patches nothing.`);
  const patching = { ...rest, mutates: resources.slice(1, 2), mutatesWith: () => true };
  expect(pageOf(patching, caseOf())).toContain(`${judges}\n- Patches \`pods\` on CREATE, where its params ask for it.`);
});

test("every link inside the page leads to a heading, and every rule and code is linked", () => {
  const page = renderRules(rules, casesOf);
  const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => `#${title.toLowerCase()}`);
  const links = [...page.matchAll(/\]\((#[^)]+)\)/g)].map(([, target]) => target);
  expect(anchors).toEqual(expect.arrayContaining(links));
  expect(links).toHaveLength(rules.length + rules.flatMap(({ codes }) => codes).length);
});

/** What YAML has a meaning for, at the ends and in the middle. */
const TRICKY = fc.constantFrom(
  ..."ab1 -:#,[]{}'\"\n\r\t|>&*!%@\\~?\u0000\u0085\u2028",
  "null",
  "true",
  "0x",
  "---",
  "key: ",
);

test("the YAML of an example may hold what ends a document", () => {
  for (const value of ["---", "...", "--- a"]) expect(parse(compactYaml(value))).toBe(value);
});

test("the YAML of an example is the object, whatever is in it", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8, depthSize: "large", stringUnit: TRICKY }), (value) => {
      // JSON has no negative zero.
      const plain = JSON.parse(JSON.stringify(value));
      expect(parse(compactYaml(plain))).toEqual(plain);
      expect(parse(oneLine(plain))).toEqual(plain);
      expect(oneLine(plain)).not.toContain("\n");
    }),
  );
});
