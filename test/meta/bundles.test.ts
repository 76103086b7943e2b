/** What is in the two bundles of the image, by the very command of `npm run build`. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AdmissionregistrationV1Api,
  AppsV1Api,
  CoreV1Api,
  RbacAuthorizationV1Api,
  VersionApi,
} from "@kubernetes/client-node";
import type { ValidateFunction } from "ajv";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { renderValidators, SCHEMAS } from "../../build.ts";
import { validatorOf } from "../../src/validators.ts";
import { listFiles, ROOT, readSource } from "./source-files.ts";

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

/** Wrong in many ways, wherever a schema looks. */
const FAULTY = {
  apiVersion: "v2",
  kind: "Policy",
  metadata: { name: "No Name", labels: { a: 1 } },
  spec: {
    rule: "none",
    mode: "audit",
    policies: [],
    validationActions: ["Deny", "Warn"],
    match: { namespaceSelector: { matchExpressions: [{ key: "", operator: "In" }] }, subjects: { include: [{}] } },
    exceptions: [{ until: 1 }],
    more: true,
  },
  labels: [{ anyOf: [] }],
  mode: 1,
};

function bundleText(contents: string): string {
  const options = { bundle: true, platform: "node", format: "esm", write: false } as const;
  const [output] = buildSync({ stdin: { contents, resolveDir: ROOT }, ...options }).outputFiles;
  return output?.text ?? "";
}

async function importText(text: string): Promise<{ validatorOf(name: string): ValidateFunction }> {
  return await import(`data:text/javascript,${encodeURIComponent(text)}`);
}

const directory = mkdtempSync(join(tmpdir(), "portcullis-bundles-"));
let metafile: Metafile;

beforeAll(() => {
  const path = join(directory, "metafile.json");
  const flags = [`--outdir=${directory}`, `--metafile=${path}`];
  execFileSync("npm", ["run", "--silent", "build", "--", ...flags], { cwd: ROOT, stdio: "pipe" });
  metafile = JSON.parse(readFileSync(path, "utf8"));
}, 60_000);

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

test.each(["server.mjs", "init.mjs"])("of ajv only what its functions call is in %s", (bundle) => {
  const inputs = findInputsOf("ajv", bundle).map((path) => path.replace(/^.*\/ajv\//, ""));
  expect(inputs.length).toBeGreaterThan(0);
  expect(inputs.filter((path) => !path.startsWith("dist/runtime/"))).toEqual([]);
});

describe("of the client, init's bundle", () => {
  const apis = [AdmissionregistrationV1Api, AppsV1Api, CoreV1Api, RbacAuthorizationV1Api, VersionApi];
  const methods = apis
    .flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype))
    .filter((name) => name !== "constructor" && !name.endsWith("WithHttpInfo"));
  const source = listFiles("src/cluster").map(readSource).join();
  const called = methods.filter((name) => new RegExp(`\\.${name}\\(`).test(source));
  const text = () => readFileSync(join(directory, "init.mjs"), "utf8");
  const hasMethod = (name: string) => text().includes(`async ${name}(`);
  const hasModel = (name: string) => text().includes(`${name}.attributeTypeMap=`);

  it("has every method that src/cluster calls", () => {
    expect(called).toContain("patchNamespacedSecret");
    expect(called.filter((name) => !hasMethod(name))).toEqual([]);
  });

  it("has no method that it does not call", () => {
    expect(methods.length).toBeGreaterThan(300);
    expect(methods.filter((name) => !called.includes(name) && hasMethod(name))).toEqual([]);
  });

  it("has the models of what they read and write, down to their parts, and none of others", () => {
    expect(
      ["V1ValidatingWebhookConfiguration", "V1RuleWithOperations", "V1PodList", "V1Container"].filter(hasModel),
    ).toHaveLength(4);
    expect(["V1Node", "V1CronJob", "V1NetworkPolicy"].filter(hasModel)).toEqual([]);
  });
});

test("the server's bundle has no parser of bodies but its own", () => {
  expect(findInputsOf("express", "server.mjs").length).toBeGreaterThan(0);
  expect(findInputsOf("iconv-lite", "server.mjs")).toEqual([]);
});

describe.each(Object.entries(SCHEMAS))(
  "the validators that are made for %s at build time",
  async (_program, schemas) => {
    const { validatorOf: precompiled } = await importText(bundleText(renderValidators(schemas)));

    it.each(Object.entries(schemas))("%s finds what ajv finds at run time", (name, schema) => {
      const built = precompiled(name);
      const made = validatorOf(name, schema);
      for (const value of [{}, { spec: 1 }, null, FAULTY, { PORT: "x", CERT_DIR: 1, KEY_ALGORITHM: "rsa" }]) {
        const [one, other] = [structuredClone(value), structuredClone(value)];
        expect(built(one)).toBe(made(other));
        expect(built.errors).toEqual(made.errors);
        expect(one).toEqual(other);
      }
    });

    it("control: one that is missing is not made up", () => {
      expect(precompiled("no-such-schema")).toBeUndefined();
    });
  },
);

/** What Node doesn't bring and the bundle doesn't have: what is asked for in a try block may be missing when it is built. */
function listMissingPackages({ outputs }: Metafile): readonly string[] {
  const external = Object.values(outputs).flatMap(({ imports }) => imports.filter((entry) => entry.external));
  return external.map(({ path }) => path).filter((path) => !isBuiltin(path));
}

test("neither needs a package beside it, for there is none in the image", () => {
  expect(listMissingPackages(metafile)).toEqual([]);
});

test("control: one that is only tried is found", () => {
  const contents = `import "node:fs"; try { require("bufferutil"); } catch {}`;
  const built = buildSync({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    platform: "node",
    write: false,
    metafile: true,
  });
  expect(listMissingPackages(built.metafile)).toEqual(["bufferutil"]);
});
