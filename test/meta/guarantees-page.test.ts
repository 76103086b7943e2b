/** docs/guarantees.md and docs/faults.md: every number has its row, and every row a test; docs/threat-model.md quotes tests as well. */
import { describe, expect, it } from "vitest";
import { miscounted, provenIn, quotedTitles, rowsOf, unproven, untold } from "./pages/proofs.ts";
import { listFiles, readSource } from "./source-files.ts";

const guarantees = readSource("docs/guarantees.md");
const [promised = "", notYet = ""] = guarantees.split("## Not promised yet");
const faults = rowsOf(readSource("docs/faults.md"));

const files = listFiles("test");
/** But for this one, which makes titles up. */
const sources = files.filter((path) => path.endsWith(".test.ts") && path !== "test/meta/guarantees-page.test.ts");
const proofs = new Map(sources.map((path) => [path, provenIn(readSource(path))]));
/** Numbers by file, of one letter. */
const proofsOf = (letter: "F" | "G") =>
  new Map([...proofs].map(([path, numbers]) => [path, new Set([...numbers].filter((number) => number[0] === letter))]));

const isThere = ({ path, title }: { readonly path: string; readonly title: string }) =>
  files.includes(path) && readSource(path).includes(title);

describe.each(["docs/guarantees.md", "docs/threat-model.md"])("%s", (page) => {
  const quoted = quotedTitles(readSource(page));

  it("quotes titles that there are", () => {
    expect(quoted.length).toBeGreaterThan(40);
    expect(quoted.filter((each) => !isThere(each))).toEqual([]);
  });
});

describe("the guarantees", () => {
  const rows = rowsOf(promised);

  it("are all there, promised or not", () => {
    expect(miscounted(rowsOf(guarantees), "G", 38)).toEqual([]);
  });

  it.each(rows.map(({ number, text }) => [number, text] as const))(
    "%s has a title, a command and a figure",
    (_, text) => {
      expect(text.split(" | ")).toHaveLength(5);
      expect(quotedTitles(text).length).toBeGreaterThan(0);
      expect(findCommands(text).length).toBeGreaterThan(0);
    },
  );

  it.each(rows.map((row) => [row.number, row] as const))("%s is run by its commands", (_, { text, paths }) => {
    const run = findCommands(text).flatMap(filesRunBy);
    // What a test imports is run with it, and what is in test/e2e by its own script.
    const own = findCommands(text).some((command) => command.startsWith("npm run e2e")) ? /^test\/e2e\// : /^$/;
    const tests = paths.filter((path) => path.endsWith(".test.ts") && !own.test(path));
    expect(run).toEqual(expect.arrayContaining(tests));
  });

  it("that are the numbers of titles name their files", () => {
    expect(untold(rows, proofsOf("G"))).toEqual([]);
  });

  it("that are promised in part say which number it is of", () => {
    const parts = [...notYet.matchAll(/^\| of (G-\d+) \|/gm)].map(([, number]) => number);
    expect(parts.length).toBeGreaterThan(0);
    expect(rows.map(({ number }) => number)).toEqual(expect.arrayContaining(parts));
  });
});

describe("the faults", () => {
  it("are all there", () => expect(miscounted(faults, "F", 118)).toEqual([]));

  it("name files in which a title begins with the number", () => expect(unproven(faults, proofs)).toEqual([]));

  it("have a row for the number of every title", () => expect(untold(faults, proofsOf("F"))).toEqual([]));
});

describe("control:", () => {
  const PATH = "test/a.test.ts";
  const SOURCE =
    'describe.each(all)("F-1, F-2: is refused", () => {\n  it(\n    `G-3: what`);\n  test.each(all())("%s: F-4: no");\n});';
  const table = (...lines: readonly string[]) => rowsOf(lines.map((line) => `| ${line} |\n`).join(""));
  const madeUp = new Map([[PATH, provenIn(SOURCE)]]);

  it("titles are told from what only looks like one", () => {
    const others = 'expect("F-9: no"); // it("F-8") \nconst row = ["F-7: no"];\nit("is F-6: no");\nit("F-5 no");';
    expect([...provenIn(`${SOURCE}${others}`)]).toEqual(["F-1", "F-2", "G-3"]);
  });

  it("a row that is missing, there twice or of no number is found", () => {
    const rows = table("F-1 | a", "F-3 | a", "F-3 | b", "F-9 | c");
    expect(miscounted(rows, "F", 3)).toEqual([
      "F-2 is there 0 times",
      "F-3 is there 2 times",
      "F-9 is nobody's number",
    ]);
  });

  it("a row without a file, or with one that has no such title or isn't there, is found", () => {
    const rows = table(`F-1 | a | \`${PATH}\``, "F-2 | b", `F-4 | c | \`${PATH}\``, "F-1 | d | `test/gone.test.ts`");
    expect(unproven(rows, madeUp)).toEqual([
      "F-2 names no test",
      `no title of ${PATH} begins with F-4`,
      "no title of test/gone.test.ts begins with F-1",
    ]);
  });

  it("the number of a title without a row, or whose row names other files, is found", () => {
    const rows = table(`F-1 | a | \`${PATH}\``, "F-2 | b | `test/b.test.ts`");
    expect(untold(rows, madeUp)).toEqual([`no row of F-2 names ${PATH}`, `no row of G-3 names ${PATH}`]);
  });

  it("a title that isn't there is found, and a file", () => {
    const quoted = quotedTitles(
      '`test/meta/docs.test.ts`: "links only to files", "made up"; `test/gone.test.ts`: "gone"',
    );
    expect(quoted.map(isThere)).toEqual([true, false, false]);
  });

  it("a command that doesn't run a file is found", () => {
    expect(filesRunBy("npx vitest run --project fast init/keeper.")).toEqual(["test/init/keeper.test.ts"]);
    expect(() => filesRunBy("npx vitest run --project fast no-such-test")).toThrow("no-such-test");
    expect(() => filesRunBy("npm run no-such-script")).toThrow("no-such-script");
  });
});

function findCommands(text: string): readonly string[] {
  return [...text.matchAll(/`(?:LONG_TESTS=1 )?(np[mx] [^`]+)`/g)].map(([, command = ""]) => command);
}

/** Test files by which a command passes; a script of package.json runs none of them. Throws where there is nothing to run. */
function filesRunBy(command: string): readonly string[] {
  const [, script] = /^npm run ([\w-]+)/.exec(command) ?? [];
  if (script !== undefined) {
    if (script in JSON.parse(readSource("package.json")).scripts) return [];
    throw new Error(`no script is named ${script}`);
  }
  const [, project, filters = ""] = /^npx vitest run --project (fast|cluster|load) (.+)$/.exec(command) ?? [];
  if (project === undefined) throw new Error(`not a command of the page: ${command}`);
  const tests = files.filter((path) => path.endsWith(".test.ts") && projectOf(path) === project);
  return filters.split(" ").flatMap((filter) => {
    const found = tests.filter((path) => path.includes(filter));
    if (found.length === 0) throw new Error(`no test is found by ${filter}`);
    return found;
  });
}

/** As vitest.config.ts has it. */
function projectOf(path: string): string {
  const [, folder = ""] = path.split("/");
  return ["cluster", "load", "e2e"].includes(folder) ? folder : "fast";
}
