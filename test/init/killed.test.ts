/** An init that is killed, as by a node that goes down, at the moments between which something is half done. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { issueCertificates } from "../../src/tls/issue.ts";
import { existingConfiguration } from "./existing-configuration.ts";
import { bundlesOf, ENVIRONMENT, MUTATING, makeDirectory, openApi, readOwnCa, VALIDATING } from "./init-run.ts";
import type { ScriptedApi, Step } from "./scripted-api.ts";

const MAIN = fileURLToPath(new URL("../../init/main.ts", import.meta.url));
const HOUR_MS = 3_600_000;

/** What the other Pod serves, all the while. */
const SERVED = issueCertificates({
  names: { service: ENVIRONMENT.WEBHOOK_SERVICE, namespace: ENVIRONMENT.WEBHOOK_NAMESPACE },
  podUid: "pod-b",
  keyAlgorithm: "ecdsa-p256",
  notBefore: new Date(Date.now() - HOUR_MS),
  notAfter: new Date(Date.now() + HOUR_MS),
}).caPem;

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `prepare` gets what kills the process. */
async function runInit(
  api: ScriptedApi,
  certDir: string,
  prepare: (kill: () => void) => void = () => {},
): Promise<Ended> {
  const env = { ...ENVIRONMENT, CERT_DIR: certDir, KUBECONFIG: api.kubeconfig, CA_SETTLE_MS: "0", LOG_LEVEL: "fatal" };
  const child = spawn(process.execPath, [MAIN], { env, stdio: "ignore" });
  prepare(() => child.kill("SIGKILL"));
  const [status, signal] = await once(child, "close");
  return { status, signal };
}

async function openApiOf(configuration?: ReturnType<typeof existingConfiguration>): Promise<ScriptedApi> {
  const api = await openApi();
  api.setClock(() => new Date());
  if (configuration) for (const kind of [MUTATING, VALIDATING]) api.put(kind, configuration);
  return api;
}

/** Of our webhooks alone: `existingConfiguration` has two others. */
function bundles(api: ScriptedApi): readonly (readonly string[])[] {
  return [MUTATING, VALIDATING].flatMap((kind) => {
    const all = bundlesOf(api, kind);
    return [all.at(0) ?? [], all.at(-1) ?? []];
  });
}

type Volume = "the same volume" | "an empty volume";

const moments: readonly [string, Volume, (kill: () => void) => Step][] = [
  ["before it has asked anything", "the same volume", (before) => ({ before, answer: "cut" })],
  ["before its first patch", "the same volume", (before) => ({ verb: "patch", before, answer: "cut" })],
  ["after its first patch, unheard", "the same volume", (after) => ({ verb: "patch", after, answer: "lost" })],
  [
    "between its two patches",
    "the same volume",
    (before) => ({ verb: "patch", kind: VALIDATING, before, answer: "cut" }),
  ],
  [
    "between its two patches",
    "an empty volume",
    (before) => ({ verb: "patch", kind: VALIDATING, before, answer: "cut" }),
  ],
  ["after both", "the same volume", (after) => ({ verb: "patch", kind: VALIDATING, after, answer: "lost" })],
];

test.each(moments)(
  "F-114: an init that is killed %s is completed by its next run on %s, and what is served stays trusted",
  async (_moment, volume, stepOf) => {
    const api = await openApiOf(existingConfiguration(SERVED));
    const first = makeDirectory();
    const { signal } = await runInit(api, first, (kill) => api.script(stepOf(kill)));
    expect(signal).toBe("SIGKILL");
    expect(bundles(api).every((bundle) => bundle.includes(SERVED))).toBe(true);

    const made = caIn(first);
    const second = volume === "the same volume" ? first : makeDirectory();
    expect(await runInit(api, second)).toEqual({ status: 0, signal: null });
    if (second === first && made !== undefined) expect(readOwnCa(second)).toBe(made);
    const both = [SERVED, readOwnCa(second)];
    expect(bundles(api)).toEqual([both, both, both, both]);
  },
  60_000,
);

test("F-114: an init that is killed between the two creations is completed by its next run", async () => {
  const api = await openApiOf();
  const certDir = makeDirectory();
  const killed = await runInit(api, certDir, (before) =>
    api.script({ verb: "create", kind: VALIDATING, before, answer: "cut" }),
  );
  expect(killed.signal).toBe("SIGKILL");
  const own = readOwnCa(certDir);
  expect([bundlesOf(api, MUTATING), bundlesOf(api, VALIDATING)]).toEqual([[[own]], []]);
  expect(await runInit(api, certDir)).toEqual({ status: 0, signal: null });
  expect(readOwnCa(certDir)).toBe(own);
  expect([bundlesOf(api, MUTATING), bundlesOf(api, VALIDATING)]).toEqual([[[own]], [[own], [own], [own]]]);
});

function caIn(certDir: string): string | undefined {
  try {
    return readOwnCa(certDir);
  } catch {
    return undefined;
  }
}
