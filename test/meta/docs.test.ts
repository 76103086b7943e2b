import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadPolicies } from "../../src/policy/load.ts";
import { rules } from "../../src/rules/index.ts";
import * as config from "../../src/settings.ts";
import { directoryOf } from "../support/policy-directory.ts";
import { GENERATED_DOCS } from "./generate-docs.ts";
import { SETTINGS_SECTIONS } from "./generated/configuration-page.ts";
import { listFiles, ROOT, readSource } from "./source-files.ts";

const files = listFiles("");
const pages = files.filter((path) => path.endsWith(".md"));

test.each(Object.entries(GENERATED_DOCS))("%s is what `node test/meta/generate-docs.ts` makes", (path, render) => {
  expect(readSource(path)).toBe(render());
});

test("docs/configuration.md has all settings of all programs", () => {
  const exported = Object.entries(config).filter(([name]) => name.endsWith("_SETTINGS"));
  expect(new Set(SETTINGS_SECTIONS.map(([, settings]) => settings))).toEqual(
    new Set(exported.map(([, settings]) => settings)),
  );
});

describe.each(pages)("%s", (path) => {
  const text = readSource(path);

  test("links only to files that are there", () => {
    expect(findDeadLinks(path, text)).toEqual([]);
  });

  test("shows only policies that load", () => {
    for (const policy of findPolicies(text)) {
      expect(loadPolicies(directoryOf({ "example.yaml": policy }), rules)).toHaveLength(1);
    }
  });
});

test("control: a dead link is found, a policy too", () => {
  const text =
    "[a](b.md) [c](../README.md#d) [e](https://example.org/f) [g](#h) `[i](j)`\n```yaml\nkind: Policy\n```\n```yaml\nkind: Pod\n```\n";
  expect(findDeadLinks("docs/made-up.md", text)).toEqual(["b.md"]);
  expect(findPolicies(text)).toEqual(["kind: Policy\n"]);
});

/** Spelt in pieces, so that this file isn't found itself. */
const LOCAL_TO_A_MACHINE = [
  ["shared", "design"].join("/"),
  ["", "work", ""].join("/"),
  ["registry", "npmjs", "org"].join("."),
  ["proxy", "golang", "org"].join("."),
];

test.each(LOCAL_TO_A_MACHINE)("no file says %s: paths and registries are a machine's, not the project's", (words) => {
  expect(files.filter((path) => readSource(path).includes(words))).toEqual([]);
});

test("the lock file leaves the registry to npm's settings", () => {
  expect(readSource("package-lock.json")).not.toContain('"resolved": "http');
});

/** Targets of Markdown links to files, which are relative to the page; code is not looked at. */
function findDeadLinks(path: string, text: string): readonly string[] {
  const prose = text.replace(/^```.*?^```$/gms, "").replace(/`[^`\n]*`/g, "");
  const targets = [...prose.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => !/^\w+:/.test(target) && !existsSync(join(ROOT, dirname(path), target)));
}

function findPolicies(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  return blocks.filter((block) => /^kind: Policy$/m.test(block));
}
