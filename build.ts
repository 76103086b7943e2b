/**
 * `npm run build`: a bundle for each program, with everything it needs in it. What src/validators.ts makes at run time is made here
 * once and for all. Takes esbuild's --outdir and --metafile, for the tests.
 */
import { writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { Ajv } from "ajv";
import { default as standaloneCode } from "ajv/dist/standalone/index.js";
import { build, type Metafile, type Plugin } from "esbuild";
import { isReplaced, leftOut } from "./left-out.ts";
import { ENFORCEMENT_SCHEMA, EXCEPTION_SCHEMA, policySchema } from "./src/policy/schema.ts";
import { rules } from "./src/rules/index.ts";
import {
  CLEANUP_SETTINGS,
  INIT_SETTINGS,
  REGISTER_SETTINGS,
  ROTATE_SETTINGS,
  SERVER_SETTINGS,
} from "./src/settings.ts";
import { AJV_OPTIONS } from "./src/validators.ts";

type Schemas = Readonly<Record<string, object>>;

const POLICY_SCHEMAS: Schemas = {
  policy: policySchema(rules),
  exception: EXCEPTION_SCHEMA,
  enforcement: ENFORCEMENT_SCHEMA,
  ...Object.fromEntries(rules.map(({ id, paramsSchema }) => [`params/${id}`, paramsSchema])),
};

/** Every schema of each program by the name under which it asks for its validator. */
export const SCHEMAS = {
  server: { "settings/server": SERVER_SETTINGS, ...POLICY_SCHEMAS } as Schemas,
  init: {
    "settings/init": INIT_SETTINGS,
    "settings/register": REGISTER_SETTINGS,
    "settings/rotate": ROTATE_SETTINGS,
    "settings/cleanup": CLEANUP_SETTINGS,
    ...POLICY_SCHEMAS,
  } as Schemas,
};

/** A module with the interface of src/validators.ts, in which nothing of ajv is left but the functions that it wrote. */
export function renderValidators(schemas: Schemas): string {
  const ajv = new Ajv({ ...AJV_OPTIONS, code: { source: true, esm: true } });
  const exportNames = Object.fromEntries(Object.keys(schemas).map((name, index) => [`schema${index}Validator`, name]));
  for (const [name, schema] of Object.entries(schemas)) ajv.addSchema(schema, name);
  const entries = Object.entries(exportNames).map(([variable, name]) => `${JSON.stringify(name)}: ${variable}`);
  return `${standaloneCode.default(ajv, exportNames)}
const validators = { ${entries.join(", ")} };
export function validatorOf(name) {
  return validators[name];
}
`;
}

function precompiledValidators(schemas: Schemas): Plugin {
  return {
    name: "precompiled-validators",
    setup({ onLoad }) {
      onLoad({ filter: /\/src\/validators\.ts$/ }, ({ path }) => ({
        contents: renderValidators(schemas),
        loader: "js",
        resolveDir: dirname(path),
      }));
    },
  };
}

/**
 * Node's own modules as `require` gives them. To import node:http as an ES module is to read everything that it exports, and a
 * getter among that loads the whole of undici: a tenth of the server's start.
 */
const requiredBuiltins: Plugin = {
  name: "required-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, kind }) =>
      isBuiltin(path) && kind !== "entry-point" ? { path: path.replace("node:", ""), namespace: "builtin" } : undefined,
    );
    onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: "js",
    }));
  },
};

if (import.meta.main) {
  const { outdir, metafile } = parseArgs({
    options: { outdir: { type: "string", default: "dist" }, metafile: { type: "string" } },
  }).values;
  const buildProgram = (name: keyof typeof SCHEMAS, entryPoint: string) =>
    build({
      entryPoints: { [name]: entryPoint },
      outdir,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      // Names stay, for the stacks in the logs.
      minifyWhitespace: true,
      minifySyntax: true,
      platform: "node",
      target: "node24",
      format: "esm",
      logLevel: "warning",
      metafile: true,
      banner: {
        js: "import { createRequire as portcullisCreateRequire } from 'node:module'; const require = portcullisCreateRequire(import.meta.url);",
      },
      plugins: [requiredBuiltins, ...leftOut, precompiledValidators(SCHEMAS[name])],
    });
  const builds = await Promise.all([buildProgram("server", "src/main.ts"), buildProgram("init", "init/main.ts")]);
  const outputs: Metafile["outputs"] = Object.assign({}, ...builds.map((result) => result.metafile.outputs));
  // Nothing in the bundles is theirs.
  for (const output of Object.values(outputs)) {
    for (const path of Object.keys(output.inputs)) if (isReplaced(path)) delete output.inputs[path];
  }
  const inputs = Object.assign({}, ...builds.map((result) => result.metafile.inputs));
  if (metafile !== undefined) writeFileSync(metafile, JSON.stringify({ inputs, outputs }));
}
