/** docs/operations.md against what it is about: the figures to plan with, and what the audit policy has to record. */
import { expect, it } from "vitest";
import { parse } from "yaml";
import { rules } from "../../src/rules/index.ts";
import { MAX_BYTES_IN_FLIGHT, MAX_REQUESTS_IN_FLIGHT } from "../../src/server/limits.ts";
import { readDocument } from "../support/installation.ts";
import { fencedBlocks } from "./pages/fenced-blocks.ts";
import { readSource } from "./source-files.ts";

const page = readSource("docs/operations.md");
const benchmarks = readSource("docs/benchmarks.md");

/** The first number of the page's row that begins so. */
function planned(row: string): number {
  const found = new RegExp(`^\\| ${row}[^|]*\\| (\\d+(?:\\.\\d+)?)`, "m").exec(page);
  if (!found) throw new Error(`no row "${row}"`);
  return Number(found[1]);
}

/** A column of the benchmarks, by the table's title and the row's. */
function measured(table: string, row: string, column: string): number {
  const [, text = ""] = benchmarks.split(`**${table}`);
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  const cells = (line = "") => line.split("|").map((cell) => cell.trim());
  const index = cells(lines[0]).indexOf(column);
  const value = Number(cells(lines.find((line) => line.startsWith(`| ${row} |`)))[index]);
  if (!(value > 0)) throw new Error(`no ${column} of ${row} in ${table}`);
  return value;
}

const cpuMs = (table: string, row = "portcullis") => measured(`${table}:`, row, "CPU µs") / 1000;

it("a review costs no more than the page plans with, and not far less", () => {
  const dearest = Math.max(...["validate", "refuse", "mutate"].map((table) => cpuMs(table)));
  expect(dearest).toBeLessThanOrEqual(planned("CPU of a review of an ordinary object"));
  expect(dearest).toBeGreaterThan(planned("CPU of a review of an ordinary object") / 4);
  expect(cpuMs("large")).toBeLessThanOrEqual(planned("CPU of a review of the largest objects"));
  expect(cpuMs("policies", "1000 policies") / cpuMs("policies", "3 policies")).toBeLessThanOrEqual(2);
});

it("a server's memory is what the page plans with, and what the Deployment asks for", () => {
  const mib = (row: string) => measured("policies:", row, "MiB");
  expect(mib("100 policies")).toBeLessThanOrEqual(planned("memory of a server, up to 100 policies"));
  expect(mib("1000 policies")).toBeLessThanOrEqual(planned("memory of a server, 1,000 policies"));
  const { resources } = readDocument("deployment.yaml").spec.template.spec.containers[0];
  expect(resources.requests.memory).toBe(`${planned("memory of a server, up to 100 policies")}Mi`);
  expect(resources.limits, "and no CPU").toEqual({ memory: /limit at (\d+) MiB/.exec(page)?.[1]?.concat("Mi") });
});

it("what a server takes at once is what the page says", () => {
  expect(page).toContain(`More than ${MAX_REQUESTS_IN_FLIGHT.toLocaleString("en")} calls at once`);
  expect(page).toContain(`${MAX_BYTES_IN_FLIGHT / 1024 ** 2} MiB of bodies`);
});

it("the audit policy records all that a rule can be asked about, and no more of those groups", () => {
  const [text = ""] = fencedBlocks(page).flatMap((block) =>
    block.text.includes("audit.k8s.io/v1") ? [block.text] : [],
  );
  const [{ verbs, resources }] = parse(text).rules;
  const named = resources.flatMap(({ group, resources: names }: { group: string; resources: string[] }) =>
    names.map((name) => `${group}/${name}`),
  );
  const asked = rules
    .flatMap((rule) => [...rule.resources, ...(rule.mutates ?? [])])
    .flatMap(({ group, resources: names }) => names.map((name) => `${group}/${name}`));
  expect(named.toSorted()).toEqual([...new Set(asked)].toSorted());
  expect(verbs).toEqual(["create", "update", "patch"]);
});
