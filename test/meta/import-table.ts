/**
 * Which part of the program may import which. Imports flow one way: from the entry points through init, server and the
 * pipeline to the rules and the vocabulary below them. What is not in a row is forbidden.
 */

/**
 * A file belongs to the row with the longest prefix of its path; in the row of a folder, which ends in a slash, it may
 * also import from the folder that it is in. Packages count with all their modules; `type:` allows `import type` alone.
 */
const IMPORT_TABLE: Readonly<Record<string, readonly string[]>> = {
  "init/": [
    "init/",
    "src/cluster/",
    "src/config.ts",
    "src/errors.ts",
    "src/policy/",
    "src/registration/",
    "src/telemetry/logger.ts",
    "src/tls/",
    "node:crypto",
  ],
  "init/ca/": [
    "init/",
    "src/cluster/",
    "type:src/config.ts",
    "src/errors.ts",
    "src/registration/",
    "type:src/telemetry/logger.ts",
    "node:fs",
    "node:path",
  ],
  "init/keeper/": [
    "init/",
    "src/cluster/",
    "type:src/config.ts",
    "src/errors.ts",
    "src/registration/",
    "type:src/telemetry/logger.ts",
    "src/tls/",
    "node:events",
    "node:http",
    "node:stream",
    "node:v8",
    "node:vm",
    "prom-client",
  ],
  "init/main.ts": [
    "init/",
    "src/cluster/",
    "src/config.ts",
    "src/errors.ts",
    "src/policy/",
    "src/rules/index.ts",
    "type:src/settings.ts",
    "src/telemetry/logger.ts",
  ],

  "src/main.ts": [
    "src/config.ts",
    "src/errors.ts",
    "src/policy/",
    "src/registration/",
    "src/rules/index.ts",
    "src/server/",
    "src/telemetry/",
    "src/tls/",
    "close-with-grace",
  ],
  "src/server/": [
    "src/admission/",
    "src/errors.ts",
    "src/follow-directory.ts",
    "src/policy/",
    "type:src/telemetry/",
    "src/tls/",
    "express",
    "node:crypto",
    "node:fs",
    "node:http",
    "node:https",
    "node:path",
    "type:node:net",
    "type:node:tls",
    "type:prom-client",
  ],
  "src/telemetry/": [
    "type:src/admission/",
    "src/kube/",
    "type:src/settings.ts",
    "type:src/policy/",
    "type:src/server/",
    "pino",
    "prom-client",
  ],

  // The pipeline: no I/O and no framework.
  "src/admission/": ["src/kube/", "src/policy/", "src/rules/rule.ts"],
  "src/policy/": [
    "src/errors.ts",
    "src/follow-directory.ts",
    "src/kube/",
    "src/rules/rule.ts",
    "src/validators.ts",
    "type:ajv",
    "type:json-schema-to-ts",
    "node:crypto",
    "node:fs",
    "node:path",
    "node:util",
    "yaml",
  ],

  // A rule is in a folder of its own; another rule's folder is not.
  "src/rules/": ["src/kube/", "src/rules/rule.ts", "type:json-schema-to-ts", "re2js"],
  "src/rules/index.ts": ["src/rules/"],
  "src/rules/rule.ts": ["src/kube/"],
  "src/kube/": ["node:crypto", "re2js"],

  // The only code that talks to a cluster, and what it is told to write there.
  "src/cluster/": ["src/errors.ts", "src/policy/policy.ts", "src/registration/", "@kubernetes/client-node", "node:fs"],
  "src/registration/": ["src/kube/", "src/policy/", "type:src/rules/rule.ts", "src/tls/", "node:util"],
  "src/tls/": ["src/errors.ts", "src/follow-directory.ts", "node-forge", "node:crypto", "node:fs", "node:path"],

  "src/config.ts": ["src/errors.ts", "src/settings.ts", "src/validators.ts", "type:ajv", "type:json-schema-to-ts"],
  "src/validators.ts": ["ajv"],
  "src/settings.ts": [],
  "src/errors.ts": [],
  "src/follow-directory.ts": ["node:fs"],
};

/** Every import of a TypeScript source that the table has no room for, as `specifier`, or `type:specifier`. */
export function findForbiddenImports(path: string, source: string): readonly string[] {
  const row = rowOf(path);
  const allowed = row === undefined ? [] : (IMPORT_TABLE[row] ?? []);
  return scanImports(source)
    .filter(({ specifier, isType }) => {
      const target = targetOf(path, specifier);
      const isOwnFolder = row?.endsWith("/") && folderOf(target) === folderOf(path);
      const covers = (entry: string) =>
        target === entry || target.startsWith(entry.endsWith("/") ? entry : `${entry}/`);
      const isAllowed = allowed.some((entry) =>
        entry.startsWith("type:") ? isType && covers(entry.slice("type:".length)) : covers(entry),
      );
      return !isOwnFolder && !isAllowed;
    })
    .map(({ specifier, isType }) => (isType ? `type:${specifier}` : specifier));
}

function rowOf(path: string): string | undefined {
  const rows = Object.keys(IMPORT_TABLE).filter((row) => (row.endsWith("/") ? path.startsWith(row) : path === row));
  return rows.sort((a, b) => b.length - a.length)[0];
}

interface Import {
  readonly specifier: string;
  readonly isType: boolean;
}

/** `import … from`, `export … from`, `import "…"` and `import("…")`, as biome formats them. */
const IMPORT =
  /^(?:import|export)\s(?<type>type\s)?[^;"]*?from "(?<from>[^"]+)"|^import "(?<bare>[^"]+)"|\bimport\(\s*(?<dynamic>[^)]*)\)/gm;

export function scanImports(source: string): readonly Import[] {
  return [...source.matchAll(IMPORT)].map(({ groups = {} }) => ({
    specifier: groups.from ?? groups.bare ?? (groups.dynamic ?? "").replaceAll('"', ""),
    isType: groups.type !== undefined,
  }));
}

/** A path relative to the root, or a package or `node:` module. */
function targetOf(path: string, specifier: string): string {
  return specifier.startsWith(".") ? new URL(specifier, `file:///${path}`).pathname.slice(1) : specifier;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}
