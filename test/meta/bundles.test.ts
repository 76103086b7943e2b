/** What is in the two bundles of the image, by the very command of `npm run build`. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT } from "./source-files.ts";

/** https://esbuild.github.io/api/#metafile, as far as it is used here. */
interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly inputs: Readonly<Record<string, unknown>>;
        readonly imports: readonly { readonly path: string; readonly external?: boolean }[];
      }
    >
  >;
}

/** Packages and files of our own that are for init alone: credentials, and everything that could use them. */
const FOR_INIT = ["@kubernetes/client-node", "undici", "node-forge", "src/cluster"];

/** What debug and ws look for in a try block, and do without. */
const OPTIONAL = ["bufferutil", "supports-color", "utf-8-validate"];

const directory = mkdtempSync(join(tmpdir(), "portcullis-bundles-"));
let metafile: Metafile;

beforeAll(() => {
  const path = join(directory, "metafile.json");
  const flags = [`--outdir=${directory}`, `--metafile=${path}`];
  execFileSync("npm", ["run", "--silent", "build", "--", ...flags], { cwd: ROOT, stdio: "pipe" });
  metafile = JSON.parse(readFileSync(path, "utf8"));
});

afterAll(() => rmSync(directory, { recursive: true }));

function listInputs(bundle: string): readonly string[] {
  const output = Object.entries(metafile.outputs).find(([path]) => path.endsWith(`/${bundle}`));
  return Object.keys(output?.[1].inputs ?? {});
}

function findInputsOf(name: string, bundle: string): readonly string[] {
  return listInputs(bundle).filter((path) => `/${path}`.includes(`/${name}/`));
}

test.each(FOR_INIT)("%s is not in the server's bundle", (name) => {
  expect(findInputsOf(name, "server.mjs")).toEqual([]);
});

test("no file of init is in the server's bundle", () => {
  expect(listInputs("server.mjs")).toContain("src/main.ts");
  expect(listInputs("server.mjs").filter((path) => path.startsWith("init/"))).toEqual([]);
});

test.each(FOR_INIT)("control: %s is in init's bundle", (name) => {
  expect(findInputsOf(name, "init.mjs").length).toBeGreaterThan(0);
});

test("neither needs a package beside it, for there is none in the image", () => {
  const external = Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter((entry) => entry.external));
  const packages = new Set(external.map(({ path }) => path).filter((path) => !isBuiltin(path)));
  expect([...packages].sort()).toEqual(OPTIONAL);
});
