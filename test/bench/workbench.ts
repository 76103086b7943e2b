/** What the servers are started from: certificates, bundles, policies; in a directory that is gone afterwards. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { writePair } from "../../src/tls/files.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { serverName } from "../../src/tls/profile.ts";
import { SHIPPED_POLICIES } from "../support/installation.ts";
import { bundleOf } from "../support/program.ts";
import { type Cores, chooseCores } from "./cores.ts";

/** Of `servers/`. */
const BUNDLES = ["bare", "express", "pepr", "empty", "client-alone"] as const;

export interface WorkbenchOptions {
  /** Where `npm install pepr` was run. */
  readonly peprDirectory?: string | undefined;
  /** Where our server leaves CPU profiles. */
  readonly profileDirectory?: string | undefined;
}

export interface Workbench extends WorkbenchOptions {
  readonly directory: string;
  readonly certDir: string;
  readonly caPem: string;
  readonly servername: string;
  readonly cores: Cores;
  /** The path of the built Go server, or why there is none. */
  readonly go: { readonly path: string } | { readonly reason: string };
  /** Bundled, as ours is: Node has no types to strip and no modules to look for. */
  bundle(name: (typeof BUNDLES)[number]): string;
  /** A new directory under the bench's own. */
  makeDirectory(name: string): string;
  remove(): void;
}

const HOUR_MS = 60 * 60 * 1000;
const NAMES = { service: "portcullis", namespace: "portcullis" };
const SERVERS = fileURLToPath(new URL("servers", import.meta.url));

export function prepareWorkbench(options: WorkbenchOptions): Workbench {
  if (!existsSync(bundleOf("server"))) throw new Error("there is no dist/server.mjs: npm run build makes it");
  const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const makeDirectory = (name: string): string => mkdtempSync(join(directory, `${name}-`));
  const certDir = makeDirectory("certs");
  buildServers(directory);
  return {
    ...options,
    directory,
    certDir,
    caPem: writeCertificates(certDir, NAMES),
    servername: serverName(NAMES.service, NAMES.namespace),
    cores: chooseCores(),
    go: buildGo(join(directory, "go-server")),
    bundle: (name) => join(directory, `${name}.mjs`),
    makeDirectory,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Returns the CA. */
export function writeCertificates(directory: string, names: typeof NAMES): string {
  const now = Date.now();
  const pair = issueCertificates({
    names,
    podUid: "bench",
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(now - HOUR_MS),
    notAfter: new Date(now + 24 * HOUR_MS),
  });
  writePair(directory, pair, new Date(now));
  return pair.caPem;
}

/** A directory of these policies, with the shipped ones or without. */
export function writePolicies(directory: string, documents: readonly object[], shipped: "shipped" | "alone"): string {
  const files = shipped === "shipped" ? readdirSync(SHIPPED_POLICIES).filter((name) => name.endsWith(".yaml")) : [];
  for (const name of files) cpSync(join(SHIPPED_POLICIES, name), join(directory, name));
  // JSON is YAML.
  writeFileSync(join(directory, "bench.yaml"), documents.map((one) => `---\n${JSON.stringify(one)}\n`).join(""));
  return directory;
}

function buildServers(outdir: string): void {
  buildSync({
    entryPoints: BUNDLES.map((name) => join(SERVERS, `${name}.ts`)),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    logLevel: "warning",
    banner: {
      js: "import { createRequire as benchCreateRequire } from 'node:module'; const require = benchCreateRequire(import.meta.url);",
    },
  });
}

function buildGo(path: string): Workbench["go"] {
  if (spawnSync("go", ["version"]).status !== 0) return { reason: "there is no go on the PATH" };
  try {
    // It has no module to download, and whatever Go there is will do.
    const env = { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off" };
    execFileSync("go", ["build", "-o", path, "."], {
      cwd: join(SERVERS, "go"),
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { path };
  } catch (error) {
    return { reason: `go build failed: ${(error as Error).message}` };
  }
}
