import { describe, expect, test } from "vitest";
import { findForbiddenImports, scanImports } from "./import-table.ts";
import { listFiles, readSource } from "./source-files.ts";

const sources = [...listFiles("src"), ...listFiles("init")].filter((path) => path.endsWith(".ts"));

test.each(sources)("%s imports what its row of the table allows", (path) => {
  expect(findForbiddenImports(path, readSource(path))).toEqual([]);
});

test("process.env is read in src/config.ts alone", () => {
  expect(sources.filter((path) => readSource(path).includes("process.env"))).toEqual(["src/config.ts"]);
});

describe("control: the table forbids", () => {
  test.each([
    ["src to import init", "src/policy/made-up.ts", "../../init/backoff.ts"],
    ["the entry point of the server to import init", "src/main.ts", "../init/run.ts"],
    ["the server to reach the cluster", "src/server/made-up.ts", "../cluster/client.ts"],
    ["the entry point of the server to reach the cluster", "src/main.ts", "./cluster/client.ts"],
    ["client-node outside src/cluster", "init/made-up.ts", "@kubernetes/client-node"],
    ["node:* in the pipeline", "src/admission/made-up.ts", "node:crypto"],
    ["express in the pipeline", "src/admission/made-up.ts", "express"],
    ["pino in the pipeline", "src/admission/made-up.ts", "pino"],
    ["telemetry in the pipeline", "src/admission/made-up.ts", "../telemetry/logger.ts"],
    ["a rule to import the settings", "src/rules/made-up/rule.ts", "../../config.ts"],
    ["a rule to import a policy", "src/rules/made-up/rule.ts", "../../policy/policy.ts"],
    ["a rule to import another rule", "src/rules/made-up/rule.ts", "../velero-backup/params.ts"],
    ["a rule to import the list of rules", "src/rules/made-up/rule.ts", "../index.ts"],
    ["a rule to do I/O", "src/rules/made-up/rule.ts", "node:fs"],
    ["a rule to run what is there for types", "src/rules/made-up/rule.ts", "json-schema-to-ts"],
    ["the contract of a rule to know a rule", "src/rules/rule.ts", "./index.ts"],
    ["a policy to know a rule", "src/policy/made-up.ts", "../rules/velero-backup/rule.ts"],
    ["the vocabulary to know a rule", "src/kube/made-up.ts", "../rules/rule.ts"],
    ["the errors to import anything", "src/errors.ts", "node:fs"],
    ["node:process, which would be another way to process.env", "src/server/made-up.ts", "node:process"],
    ["a file that has no row to import anything", "src/made-up.ts", "./errors.ts"],
    ["a package whose name only begins like an allowed one", "src/server/made-up.ts", "express-session"],
  ])("%s", (_, path, specifier) => {
    expect(findForbiddenImports(path, `import { a } from "${specifier}";\n`)).toEqual([specifier]);
  });

  test("and it is the imports of the whole file that are looked at, in all their forms", () => {
    const source = [
      'import { a } from "node:one";',
      'import type { B } from "node:two";',
      'import "node:three";',
      'import {\n  c,\n  type D,\n} from "node:four";',
      'import e, * as f from "node:five";',
      'export { g } from "node:six";',
      'export * from "node:seven";',
      'const h = await import("node:eight");',
      "const i = await import(nine);",
      "const text = 'import { j } from \"node:no-import\"';",
    ].join("\n");
    expect(scanImports(source)).toEqual([
      { specifier: "node:one", isType: false },
      { specifier: "node:two", isType: true },
      { specifier: "node:three", isType: false },
      { specifier: "node:four", isType: false },
      { specifier: "node:five", isType: false },
      { specifier: "node:six", isType: false },
      { specifier: "node:seven", isType: false },
      { specifier: "node:eight", isType: false },
      { specifier: "nine", isType: false },
    ]);
  });
});

test("a file may import from its own folder, and by type alone what is allowed by type alone", () => {
  expect(findForbiddenImports("src/rules/made-up/rule.ts", 'import { a } from "./params.ts";')).toEqual([]);
  expect(findForbiddenImports("src/rules/made-up/rule.ts", 'import type { A } from "json-schema-to-ts";')).toEqual([]);
});
