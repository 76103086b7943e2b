/** `node init/main.ts` as a program: how it ends, and what a person reads then. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { existingConfiguration } from "./existing-configuration.ts";
import {
  bundlesOf,
  CONFIG_NAME,
  ENVIRONMENT,
  MUTATING,
  makeDirectory,
  openApi,
  readOwnCa,
  VALIDATING,
} from "./init-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

const MAIN = fileURLToPath(new URL("../../init/main.ts", import.meta.url));

/** Loads the program with one line of its source left out. */
const WITHOUT_NAMES = encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith("/src/tls/issue.ts")) return loaded;
      const source = String(loaded.source).replace("subjectAltName(dnsNames),", "");
      if (source === String(loaded.source)) throw new Error("issue.ts has no such line");
      return { ...loaded, source };
    },
  });`);

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Program {
  readonly api: ScriptedApi;
  readonly certDir: string;
  run(env?: Readonly<Record<string, string>>, args?: readonly string[]): Promise<Ended>;
}

/** Nothing of this process's environment gets through. */
async function prepareProgram(): Promise<Program> {
  const api = await openApi();
  api.setClock(() => new Date());
  const certDir = makeDirectory();
  const basics = { ...ENVIRONMENT, CERT_DIR: certDir, KUBECONFIG: api.kubeconfig, CA_SETTLE_MS: "0" };
  return {
    api,
    certDir,
    run: (env = {}, args = []) =>
      new Promise((resolve) => {
        const child = execFile(process.execPath, [MAIN, ...args], { env: { ...basics, ...env } }, (_, stdout, stderr) =>
          resolve({ status: child.exitCode ?? -1, stdout, stderr }),
        );
      }),
  };
}

describe("0: done", () => {
  test("the log is JSON lines on stdout, stderr is empty, and the private key is in neither", async () => {
    const { api, certDir, run } = await prepareProgram();
    const { status, stdout, stderr } = await run({ LOG_LEVEL: "trace", POD_NAME: "portcullis-7d4b9-x2x" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(bundlesOf(api, MUTATING)).toEqual([[readOwnCa(certDir)]]);
    const messages = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).msg);
    expect(messages).toEqual(["certificates written", "configuration created", "configuration created", "done"]);
    const keyLines = readFileSync(join(certDir, "tls.key"), "utf8").trim().split("\n").slice(1, -1);
    expect(keyLines.length).toBeGreaterThan(1);
    for (const line of keyLines) expect(stdout).not.toContain(line);
  });
});

describe("2: settings", () => {
  test("all that is wrong is named in one message; no file is written and no request sent", async () => {
    const { api, certDir, run } = await prepareProgram();
    const { status, stdout, stderr } = await run({
      MUTATE_CONFIG: "Not A Name",
      VALIDATE_CONFIG: "",
      WEBHOOK_SERVICE: "",
      WEBHOOK_PORT: "0",
      KEY_ALGORITHM: "dsa",
      CERT_VALIDITY: "1y",
      CA_SETTLE_MS: "soon",
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    const [code, ...lines] = stderr.trimEnd().split("\n");
    expect(code).toMatch(/^SETTINGS:/);
    expect(
      lines
        .slice(0, -1)
        .map((line) => line.trim().split(" ")[0])
        .sort(),
    ).toEqual(["CA_SETTLE_MS", "CERT_VALIDITY", "KEY_ALGORITHM", "MUTATE_CONFIG", "WEBHOOK_PORT", "WEBHOOK_SERVICE"]);
    expect(lines.at(-1)).toContain("docs/configuration.md");
    expect(readdirSync(certDir)).toEqual([]);
    expect(api.requests).toEqual([]);
  });

  test.each(["no-such-command", "init more"])("arguments that mean nothing: %s", async (args) => {
    const { api, run } = await prepareProgram();
    const { status, stderr } = await run({}, args.split(" "));
    expect(status).toBe(2);
    expect(stderr).toContain(`SETTINGS: no such command: ${args};`);
    expect(api.requests).toEqual([]);
  });

  test("no policy, of which webhooks could be made", async () => {
    const { api, certDir, run } = await prepareProgram();
    const { status, stderr } = await run({ POLICY_DIR: certDir });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^POLICIES: .*holds no policy/);
    expect(api.requests).toEqual([]);
  });
});

describe("3: RBAC", () => {
  test("F-106: one line says which verb is missing on which object", async () => {
    const { api, run } = await prepareProgram();
    api.script({ verb: "create", kind: VALIDATING, answer: 403, times: Number.POSITIVE_INFINITY });
    const { status, stderr } = await run();
    expect(status).toBe(3);
    expect(stderr.split("\n")[0]).toBe(
      'RBAC: forbidden: create validatingwebhookconfigurations.admissionregistration.k8s.io "portcullis": scripted 403',
    );
    expect(stderr).toContain("Grant the verb");
  });
});

describe("1: everything else", () => {
  test("F-105: the deadline, with the latest reason", async () => {
    const { api, run } = await prepareProgram();
    api.script({ answer: 503, times: Number.POSITIVE_INFINITY });
    const { status, stderr } = await run({ INIT_DEADLINE_SECONDS: "1" });
    expect(status).toBe(1);
    expect(stderr.split("\n")[0]).toMatch(
      /^API: gave up after \d+ tries: get mutatingwebhookconfigurations.* "portcullis": status 503 scripted 503$/,
    );
  });

  test("a configuration of somebody else", async () => {
    const { api, run } = await prepareProgram();
    const { webhooks = [], ...rest } = existingConfiguration();
    api.put(MUTATING, { ...rest, webhooks: webhooks.slice(1, 3) });
    const { status, stderr } = await run();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^FOREIGN_CONFIGURATION: /);
  });

  test("F-108: a CERT_DIR that can't be written to: no configuration is touched", async () => {
    const { api, certDir, run } = await prepareProgram();
    // Root may write to any directory, but not into a file.
    const file = join(certDir, "file");
    writeFileSync(file, "");
    const { status, stderr } = await run({ CERT_DIR: file });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^CERTIFICATES: the certificates can't be written to .*ENOTDIR/);
    expect(api.requests.every(({ verb }) => verb === "get")).toBe(true);
    expect(api.get(MUTATING, CONFIG_NAME)).toBeUndefined();
  });

  test("F-101: a certificate without names, should one ever be made: nothing is written, nor registered", async () => {
    const { api, certDir, run } = await prepareProgram();
    const { status, stderr } = await run({ NODE_OPTIONS: `--import=data:text/javascript,${WITHOUT_NAMES}` });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^CERTIFICATES: the new certificates are not usable: .*portcullis\.policy\.svc/);
    expect(readdirSync(certDir)).toEqual([]);
    expect(api.requests.every(({ verb }) => verb === "get")).toBe(true);
  });

  test("a kubeconfig that isn't there", async () => {
    const { certDir, run } = await prepareProgram();
    const { status, stderr } = await run({ KUBECONFIG: join(certDir, "kubeconfig") });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^API: no way to the API server: .*ENOENT/);
  });

  test("neither a kubeconfig nor a Pod's ServiceAccount is said at once", async () => {
    const { run } = await prepareProgram();
    const { status, stderr } = await run({ KUBECONFIG: "", INIT_DEADLINE_SECONDS: "1" });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^API: no way to the API server: the Pod's ServiceAccount/);
  });
});
