/** What packages bring and our use of them never calls: `npm run build` leaves it out, so that no program has to read it at its start. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";

/** By file, what stands there instead. What is asked for beyond that ends the build, or for lack of it the tests of the programs. */
const REPLACED: Readonly<Record<string, string>> = {
  // Express hands it on. We read bodies ourselves.
  "body-parser/index.js": "module.exports = {};",
  // Every type there is, for files that nobody serves. These are those of our answers.
  "mime-db/index.js": 'module.exports = { "application/json": { charset: "UTF-8" }, "text/plain": {} };',
  // Express and what it is made of trace themselves, if DEBUG is set.
  "debug/src/index.js": "module.exports = () => () => {};",
  "prom-client/lib/cluster.js": "module.exports = {};",
  "prom-client/lib/defaultMetrics.js": "module.exports = {};",
  "prom-client/lib/pushgateway.js": "module.exports = {};",
  // Without shells in Pods, forwarded ports, copies of files, watches.
  "@kubernetes/client-node/dist/index.js": `
    export * from "./config.js";
    export * from "./gen/index.js";
    export * from "./middleware.js";
    export * from "./patch.js";`,
  // What the client takes of it: neither WebSockets, nor caches, nor mocks.
  "undici/index.js": `
    export { default as Agent } from "./lib/dispatcher/agent.js";
    export { default as ProxyAgent } from "./lib/dispatcher/proxy-agent.js";
    export { fetch } from "./lib/web/fetch/index.js";`,
};

const REPLACED_PATH = new RegExp(`(?:^|/)node_modules/(${Object.keys(REPLACED).join("|")})$`);

/** Whether nothing of the file is in the bundles, though esbuild counts it among what they are made of. */
export function isReplaced(path: string): boolean {
  return REPLACED_PATH.test(path);
}

const replaced: Plugin = {
  name: "replaced",
  setup({ onLoad }) {
    onLoad({ filter: REPLACED_PATH }, ({ path }) => ({
      contents: REPLACED[REPLACED_PATH.exec(path)?.[1] ?? ""] ?? "",
      loader: "js",
      resolveDir: dirname(path),
    }));
  },
};

const GENERATED_CLIENT = "node_modules/@kubernetes/client-node/dist/gen";
/** Beside the models, the files that name them all. */
const MODEL_INDEXES: ReadonlySet<string> = new Set(["all", "ObjectSerializer"]);
/** The only code of ours that knows the client. */
const CLIENT_USE = "src/cluster";

/** A method of a generated class with its comment, by the indentation. */
const METHOD = /^ {4}(?:\/\*\*\n(?: {5}\*.*\n)+ {4})?(?:async )?(\w+)\(.*\) \{\n(?: {5}.*\n|\n)*? {4}\}\n/gm;

/**
 * The client has a method for all that can be done to any resource, each in four classes, and a model for every kind: a third of
 * init's bundle, which no bundler sees to be unused. Kept are the methods that src/cluster names, and the models that they read or write.
 */
const clientInUse: Plugin = {
  name: "client-in-use",
  setup({ onLoad }) {
    const named = new Set(
      readdirSync(CLIENT_USE).flatMap((file) => readFileSync(join(CLIENT_USE, file), "utf8").match(/\w+/g) ?? []),
    );
    const readApi = (path: string) =>
      readFileSync(path, "utf8").replace(METHOD, (method, name: string) =>
        name === "constructor" || named.has(name.replace(/WithHttpInfo$/, "")) ? method : "",
      );
    const apis = readdirSync(join(GENERATED_CLIENT, "apis")).filter((file) => named.has(file.replace(/\.js$/, "")));
    const models = modelsOf(apis.map((file) => readApi(join(GENERATED_CLIENT, "apis", file))).join());

    onLoad({ filter: /client-node\/dist\/gen\/(?:apis\/\w+Api|types\/\w+API)\.js$/ }, ({ path }) => ({
      contents: readApi(path),
      loader: "js",
    }));
    onLoad({ filter: /client-node\/dist\/gen\/models\/\w+\.js$/ }, ({ path }) => {
      const [, name = ""] = /(\w+)\.js$/.exec(path) ?? [];
      // Whoever serializes it after all gets a TypeError, not an object as the client wouldn't make it.
      return models.has(name) || MODEL_INDEXES.has(name)
        ? undefined
        : { contents: `export class ${name} {}`, loader: "js" };
    });
  },
};

/** The names of all models that the source of an API class names as types, and that those name. */
function modelsOf(source: string): ReadonlySet<string> {
  const files = new Set(readdirSync(join(GENERATED_CLIENT, "models")));
  const models = new Set<string>();
  const add = (text: string) => {
    for (const [name] of text.matchAll(/\w+/g)) {
      if (!files.has(`${name}.js`) || models.has(name)) continue;
      models.add(name);
      const model = readFileSync(join(GENERATED_CLIENT, "models", `${name}.js`), "utf8");
      add((model.match(/"type": ".*"/g) ?? []).join());
    }
  };
  add((source.match(/"[^"\n]*"/g) ?? []).join());
  return models;
}

export const leftOut: readonly Plugin[] = [replaced, clientInUse];
