/** The keeper on a real API server: what people and tools do to a caBundle, and the order of a renewal. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../init/backoff.ts";
import { runKeeper } from "../../init/keeper/keeper.ts";
import { readInitConfig } from "../../src/config.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { writePair } from "../../src/tls/files.ts";
import { readCertificates } from "../../src/tls/inspect.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { contextOf, type LogLine } from "../init/init-run.ts";
import { describeCluster } from "../support/cluster.ts";
import { findFreePort } from "../support/free-port.ts";
import { kubectlOrThrow, SHIPPED_POLICIES, waitUntil } from "../support/installation.ts";
import { settleRssKib, startClientAlone } from "../support/memory.ts";
import { type Program, startProgram } from "../support/program.ts";

const KINDS = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] as const;
const NAMES = { service: "portcullis", namespace: "default" };
const HOUR_MS = 3_600_000;

// biome-ignore lint/suspicious/noExplicitAny: a configuration as the API server gives it
type Configuration = any;

function issue(podUid: string, names = NAMES) {
  const [notBefore, notAfter] = [new Date(Date.now() - HOUR_MS), new Date(Date.now() + HOUR_MS)];
  return issueCertificates({ names, podUid, keyAlgorithm: "ecdsa-p256", notBefore, notAfter });
}

function toBundle(...pems: readonly string[]): string {
  return Buffer.from(pems.join("")).toString("base64");
}

describeCluster("the keeper", (controlPlane) => {
  let directory: string;
  let certDir: string;
  let cleanUp: (() => Promise<void>)[] = [];
  const kubectl = (args: readonly string[], stdin?: string) => kubectlOrThrow(controlPlane(), args, stdin);
  const read = async (kind: string): Promise<Configuration> =>
    JSON.parse(await kubectl(["get", kind, "portcullis", "-o", "json"]));
  const readCa = () => readFileSync(join(certDir, "ca.crt"), "utf8");

  /** What each webhook of the two configurations trusts, as PEM. */
  async function readBundles(): Promise<readonly (readonly string[])[]> {
    return (await Promise.all(KINDS.map(read))).flatMap(bundlesOf);
  }
  const isTrusted = async () => (await readBundles()).every((bundle) => bundle.includes(readCa()));

  /** A PUT, as `kubectl replace` and tools that know no merge make it. */
  async function replaceBundles(caBundle: string | undefined): Promise<void> {
    for (const kind of KINDS) {
      const { metadata, ...rest } = await read(kind);
      for (const { clientConfig } of rest.webhooks) {
        if (caBundle === undefined) delete clientConfig.caBundle;
        else clientConfig.caBundle = caBundle;
      }
      const { managedFields: _, ...others } = metadata;
      const replaced = await kubectl(
        ["replace", "-f", "-", "-o", "json"],
        JSON.stringify({ ...rest, metadata: others }),
      );
      // By its answer: a round of the keeper may be over before anybody could look.
      expect(bundlesOf(JSON.parse(replaced)).some((bundle) => bundle.includes(readCa()))).toBe(false);
    }
  }

  async function measureHealing(limitMs: number): Promise<number> {
    const startMs = performance.now();
    await waitUntil("our CA is back in every webhook", limitMs, isTrusted);
    return Math.round(performance.now() - startMs);
  }

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "portcullis-keeper-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  afterEach(async () => {
    await Promise.all(cleanUp.map((step) => step()));
    cleanUp = [];
    for (const kind of KINDS) await kubectl(["delete", kind, "portcullis", "--ignore-not-found"]);
  });

  async function prepare(env: Readonly<Record<string, string>>) {
    certDir = mkdtempSync(join(directory, "certs-"));
    const keeperPort = await findFreePort();
    return {
      keeperPort,
      env: {
        MUTATE_CONFIG: "portcullis",
        VALIDATE_CONFIG: "portcullis",
        WEBHOOK_SERVICE: NAMES.service,
        WEBHOOK_NAMESPACE: NAMES.namespace,
        POLICY_DIR: SHIPPED_POLICIES,
        CERT_DIR: certDir,
        CERT_RENEWAL: "keeper",
        CA_SETTLE_MS: "200",
        KUBECONFIG: controlPlane().kubeconfigPath,
        KEEPER_PORT: String(keeperPort),
        POD_UID: "pod-of-the-keeper",
        ...env,
      },
    };
  }

  /** In this process, so that rounds can be closer to each other. */
  async function startKeeper(env: Readonly<Record<string, string>> = {}, roundIntervalMs = 500): Promise<LogLine[]> {
    const prepared = await prepare(env);
    const lines: LogLine[] = [];
    const logger = createLogger("init", "info", { write: (line) => lines.push(JSON.parse(line)) });
    const stop = new AbortController();
    const context = contextOf(readInitConfig(prepared.env), systemClock, logger);
    const ended = runKeeper(context, stop.signal, roundIntervalMs);
    cleanUp.push(async () => {
      stop.abort();
      await ended;
    });
    await waitUntil("the first round is done", 20_000, () => isHealthy(prepared.keeperPort));
    return lines;
  }

  /** As the sidecar starts it, with its own rounds. */
  async function startKeeperProgram(env: Readonly<Record<string, string>>): Promise<Program> {
    const prepared = await prepare(env);
    const program = startProgram("init", prepared.env);
    cleanUp.push(async () => {
      program.kill("SIGKILL");
      await program.exited;
    });
    await waitUntil("the first round is done", 20_000, () => isHealthy(prepared.keeperPort));
    return program;
  }

  it("as a sidecar: heals within 35 s, within 10 s of TLS alerts, is small, and ends at SIGTERM", async () => {
    let alerts = 0;
    const server = createServer((_, response) => {
      response.end(`portcullis_tls_client_errors_total{alert="bad_certificate"} ${alerts}\n`);
    }).listen(0, "127.0.0.1");
    cleanUp.push(async () => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const program = await startKeeperProgram({ HEALTH_PORT: String((server.address() as AddressInfo).port) });

    const keeperKib = await settleRssKib(program.pid);
    const client = startClientAlone(directory, controlPlane().kubeconfigPath);
    cleanUp.push(client.stop);
    const clientKib = await settleRssKib(client.pid);
    const ratio = keeperKib / clientKib;
    print(`keeper ${keeperKib} KiB, the client alone ${clientKib} KiB: ratio ${ratio.toFixed(2)}`);
    expect(ratio).toBeLessThanOrEqual(1.3);

    await replaceBundles(undefined);
    const healedMs = await measureHealing(35_000);
    await replaceBundles("");
    alerts = 3;
    const alertedMs = await measureHealing(10_000);
    print(
      `healed after ${healedMs} ms, and ${alertedMs} ms after TLS alerts; now ${await settleRssKib(program.pid)} KiB`,
    );

    const stoppedMs = performance.now();
    program.kill("SIGTERM");
    expect(await program.exited).toEqual({ status: 0, signal: null });
    expect(performance.now() - stoppedMs).toBeLessThan(1000);
    expect(program.stderr()).toBe("");
  }, 120_000);

  it.each([
    // Who only takes a field out leaves no trace in managedFields.
    ["taken out by a PUT", undefined, "unknown"],
    ["emptied", "", "unknown"],
    ["replaced by garbage", Buffer.from("garbage").toString("base64"), "kubectl-replace"],
    ["replaced by another Pod's", toBundle(issue("another-pod").caPem), "kubectl-replace"],
  ])("F-100: heals a caBundle that was %s, and says who wrote it", async (_, caBundle, writer) => {
    const lines = await startKeeper();
    await replaceBundles(caBundle);
    print(`healed after ${await measureHealing(10_000)} ms, with rounds of 500 ms`);
    const told = lines.filter(({ msg }) => msg === "our CA was missing from the caBundle");
    expect(told.map(({ lastWriter }) => lastWriter)).toEqual(Array(told.length).fill(writer));
    expect(told.length).toBeGreaterThanOrEqual(2);
  });

  it("a foreign CA that somebody adds survives", async () => {
    await startKeeper();
    const foreign = issue("a-pod", { service: "mesh", namespace: "mesh" }).caPem;
    await replaceBundles(toBundle(foreign));
    await measureHealing(10_000);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await readBundles()).every((bundle) => bundle[0] === foreign && bundle[1] === readCa())).toBe(true);
  });

  it("a configuration that was deleted is not made again, and the other one is still looked after", async () => {
    const lines = await startKeeper();
    await kubectl(["delete", KINDS[0], "portcullis"]);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect((await controlPlane().kubectl(["get", KINDS[0], "portcullis"])).stderr).toContain("NotFound");
    expect(lines.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("renews: at no moment is there a certificate on disk whose CA is not in the bundles", async () => {
    await startKeeper({ CERT_VALIDITY: "12s" });
    const { samples, untrusted, certificates } = await watchOrder(20_000);
    print(`${samples} looks at ${certificates} certificates, untrusted: ${untrusted}`);
    expect(certificates).toBeGreaterThanOrEqual(3);
    expect(untrusted).toBe(0);
  });

  it("the same look finds an order of leaf first", async () => {
    await startKeeper({}, 4000);
    // The round that follows the first at once is over then, and the next one three seconds away.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    writePair(certDir, issue("pod-of-the-keeper"), new Date());
    const { samples, untrusted } = await watchOrder(6000);
    print(`leaf first: ${samples} looks, untrusted: ${untrusted}`);
    expect(untrusted).toBeGreaterThan(0);
    // That round has registered the CA.
    expect(untrusted).toBeLessThan(samples);
  });

  /** Files first, then the bundles: what is in the files by then must be in the bundles already. */
  async function watchOrder(durationMs: number) {
    const seen = new Set<string>();
    let [samples, untrusted] = [0, 0];
    const endMs = performance.now() + durationMs;
    while (performance.now() < endMs) {
      const ca = readCa();
      seen.add(ca);
      samples++;
      if (!(await readBundles()).every((bundle) => bundle.includes(ca))) untrusted++;
    }
    return { samples, untrusted, certificates: seen.size };
  }
});

function bundlesOf({ webhooks }: Configuration): readonly (readonly string[])[] {
  return webhooks.map(({ clientConfig: { caBundle = "" } }: Configuration) =>
    readCertificates(Buffer.from(caBundle, "base64").toString()).certificates.map(({ pem }) => pem),
  );
}

function print(line: string): void {
  process.stdout.write(`keeper: ${line}\n`);
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).status === 200;
  } catch {
    return false;
  }
}
