/** A rule is a folder and a line in src/rules/index.ts: that neither is forgotten, and that the folder is complete. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { policySchema } from "../../src/policy/schema.ts";
import { rules } from "../../src/rules/index.ts";
import { casesOf } from "../support/cases.ts";
import { ROOT, readSource } from "./source-files.ts";

const SECTIONS = ["What it does", "Parameters", "Codes", "Examples"];

test("the list of rules is the folders beside it, in the order of their names", () => {
  const entries = readdirSync(join(ROOT, "src/rules"), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(rules.map(({ id }) => id)).toEqual(folders.sort());
});

describe.each(rules.map((rule) => [rule.id, rule] as const))("%s", (id, rule) => {
  const folder = `src/rules/${id}`;
  const readme = existsSync(join(ROOT, folder, "README.md")) ? readSource(`${folder}/README.md`) : "";

  test("has rule.ts, cases and a README", () => {
    expect(existsSync(join(ROOT, folder, "rule.ts"))).toBe(true);
    expect(casesOf(rule).length).toBeGreaterThan(0);
    expect(readme.split("\n")[0]).toBe(`# ${id}`);
  });

  test("has a summary of one sentence, in the imperative", () => {
    expect(rule.summary).toMatch(/^[A-Z][a-z]+ [^.]+\.?$/);
  });

  test("has the sections of a README first, in their order", () => {
    const sections = [...readme.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(sections.slice(0, SECTIONS.length)).toEqual(SECTIONS);
  });

  test("says of every code, and of no other, when it fires, with its severity first", () => {
    const told = tableRows(readme, "Codes").map(([code, severity = ""]) => [code, /^\w+/.exec(severity)?.[0]]);
    expect(told.sort()).toEqual(rule.codes.map(({ code, severity }) => [code, severity]).sort());
  });

  test("says what every parameter is for, and names no other", () => {
    const told = tableRows(readme, "Parameters").map(([name]) => name);
    expect(told.sort()).toEqual(
      propertiesOf(rule.paramsSchema)
        .map(({ path }) => path)
        .sort(),
    );
  });

  test("describes every property of its schema, which ajv takes", () => {
    expect(undescribed(rule.paramsSchema)).toEqual([]);
    expect(() => createAjv().compile(rule.paramsSchema)).not.toThrow();
  });
});

test("no two rules share a code", () => {
  const codes = rules.flatMap((rule) => rule.codes.map(({ code }) => code));
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
});

test("the schema of a policy knows every rule and describes every property, and ajv takes it", () => {
  const schema = policySchema(rules);
  expect(schema.properties.spec.properties.rule.enum).toEqual(rules.map(({ id }) => id));
  expect(undescribed(schema)).toEqual([]);
  expect(() => createAjv().compile(schema)).not.toThrow();
});

test("control: a property without a description is found, however deep", () => {
  const inner = { type: "object", properties: { told: { description: "Told." }, untold: {} } };
  const schema = {
    properties: { list: { description: "A list.", items: inner }, map: { additionalProperties: inner } },
  };
  expect(undescribed(schema)).toEqual(["list[].untold", "map", "map.*.untold"]);
});

function createAjv(): Ajv {
  return new Ajv({ strict: true, strictRequired: false, strictTypes: false });
}

/** The rows of a section's table, without header; code marks are taken off. */
function tableRows(markdown: string, section: string): readonly (readonly string[])[] {
  const [, text = ""] = markdown.split(`\n## ${section}\n`);
  const [ownText = ""] = text.split("\n## ");
  const rows = ownText.split("\n").filter((line) => line.startsWith("| `"));
  return rows.map((row) => row.split(" | ").map((cell) => cell.replace(/^\| /, "").replaceAll("`", "")));
}

interface Property {
  /** `labels[].anyOf`, as the READMEs write it. */
  readonly path: string;
  readonly schema: Schema;
}

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

function propertiesOf({ properties = {}, items, additionalProperties }: Schema, prefix = ""): readonly Property[] {
  const own = Object.entries(properties).flatMap(([name, schema]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    return [{ path, schema }, ...propertiesOf(schema, path)];
  });
  const ofItems = items ? propertiesOf(items, `${prefix}[]`) : [];
  const ofValues = typeof additionalProperties === "object" ? propertiesOf(additionalProperties, `${prefix}.*`) : [];
  return [...own, ...ofItems, ...ofValues];
}

function undescribed(schema: object): readonly string[] {
  return propertiesOf(schema)
    .filter((property) => !property.schema.description)
    .map(({ path }) => path);
}
