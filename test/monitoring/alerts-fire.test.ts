/**
 * A real Prometheus scrapes the real programs, and what goes wrong is made to go wrong: each alert fires, says what it is, and
 * clears. The rules are copies in a hurry; how long they wait is promtool's affair (rules-promtool.test.ts).
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../init/backoff.ts";
import { runKeeper } from "../../init/keeper/keeper.ts";
import { readInitConfig } from "../../src/config.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { writePair } from "../../src/tls/files.ts";
import { existingConfiguration, issueCa } from "../init/existing-configuration.ts";
import { contextOf, ENVIRONMENT, MUTATING, VALIDATING } from "../init/init-run.ts";
import { type ScriptedApi, startScriptedApi } from "../init/scripted-api.ts";
import { createClientCa } from "../support/client-certificates.ts";
import { findFreePort } from "../support/free-port.ts";
import { type ServerProgram, startServer } from "../support/server-program.ts";
import { waitUntil } from "../support/wait.ts";
import { filledIn, isOfApiServer, queries } from "./dashboard.ts";
import * as drive from "./drive.ts";
import { type FiringAlert, type Prometheus, startPrometheus } from "./prometheus.ts";
import { hasPrometheus, WITHOUT } from "./promtool.ts";
import { alerts, scaledDown } from "./rules.ts";
import { issuePair, policyFiles, temporaryDirectory, writeFiles } from "./state.ts";

/** What needs an API server: test/cluster/alerts-api-server.test.ts drives it. */
const ELSEWHERE = ["PortcullisWritesFailing", "PortcullisNotEnforcing", "PortcullisFailOpen"];
/** By kube-state-metrics, and none runs here: promtool's cases are what there is. */
const NOT_DRIVEN = ["PortcullisConfigurationGone", "PortcullisNotRegistered"];
const WHEN_FROZEN = ["PortcullisDown", "PortcullisReplicaDown"];
const DRIVEN = alerts
  .map(({ alert }) => alert)
  .filter((alert) => ![...ELSEWHERE, ...NOT_DRIVEN, ...WHEN_FROZEN].includes(alert));

const [RANGE, WAIT] = ["4s", "1s"];
const LIMIT_MS = 60_000;
const TENTH_OF_DAY_MS = 8_640_000;
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
/** More than the 2,000 that a server keeps. */
const CONNECTIONS = 2200;
/** Of patches that are refused, two a round; after them the keeper heals. */
const REFUSED_PATCHES = 80;

const runs = hasPrometheus && hasOpenssl;
const why = runs ? "" : ` (${hasPrometheus ? "there is no openssl" : WITHOUT})`;

const isOk = ({ status }: { readonly status: number }) => status === 200;

describe.skipIf(!runs)(`a real Prometheus${why}`, () => {
  const callersCa = createClientCa().caPem;
  let directory: string;
  let certDir: string;
  let policyDir: string;
  /** Its files change, and nobody reads its log. */
  let server: ServerProgram;
  /** It has to know its callers, and is frozen now and then. */
  let second: ServerProgram;
  let api: ScriptedApi;
  let prometheus: Prometheus;
  let ending: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    if (!runs) return;
    [directory, certDir, policyDir] = [temporaryDirectory(), temporaryDirectory(), temporaryDirectory()];
    writePair(certDir, issuePair(), new Date());
    writeFiles(policyDir, policyFiles.good);
    writeFiles(directory, { "callers.crt": callersCa });
    const env = { CERT_DIR: certDir, POLICY_DIR: policyDir };
    server = await startServer(env, { stdout: "closed" });
    const ownCertDir = temporaryDirectory();
    writePair(ownCertDir, issuePair(), new Date());
    const callers = { CLIENT_CA_FILE: `${directory}/callers.crt`, CLIENT_NAMES: "kube-apiserver" };
    second = await startServer({ ...env, ...callers, CERT_DIR: ownCertDir });
    api = await startScriptedApi();
    const keeperPort = await findFreePort();
    const keeperDir = temporaryDirectory();
    const stopKeeper = new AbortController();
    const config = readInitConfig({
      ...ENVIRONMENT,
      CERT_DIR: keeperDir,
      KUBECONFIG: api.kubeconfig,
      CERT_RENEWAL: "keeper",
      CERT_VALIDITY: "30s",
      CA_SETTLE_MS: "0",
      KEEPER_PORT: String(keeperPort),
      HEALTH_PORT: String(server.healthPort),
    });
    const logger = createLogger("init", "fatal", { write: () => {} });
    const kept = runKeeper(contextOf(config, systemClock, logger), stopKeeper.signal, 300);
    ending = [
      async () => {
        stopKeeper.abort();
        await kept;
        await api.close();
      },
      ...[server, second].map((each) => async () => {
        each.signal("SIGKILL");
        await each.ended.catch(() => {});
      }),
      async () => {
        for (const each of [directory, certDir, policyDir, ownCertDir, keeperDir]) rmSync(each, { recursive: true });
      },
    ];
    // Other builds may have the machine: longer than `answering` waits.
    for (const { probe } of [server, second]) {
      await waitUntil("the server is ready", LIMIT_MS, () => probe("/readyz").then(isOk, () => false));
    }
    const target = (pod: string, port: number) => ({
      job: "portcullis",
      address: `127.0.0.1:${port}`,
      labels: { namespace: "portcullis", pod },
    });
    const targets = [target("a", server.healthPort), target("b", second.healthPort), target("a", keeperPort)];
    prometheus = await startPrometheus(targets, scaledDown(RANGE, WAIT));
    ending = [() => prometheus.stop(), ...ending];
  }, LIMIT_MS);
  afterAll(async () => {
    for (const end of ending) await end();
  });

  const seen = new Map<string, FiringAlert>();
  async function firing(): Promise<readonly string[]> {
    const now = await prometheus.firing();
    for (const alert of now) seen.set(alert.name, alert);
    return [...new Set(now.map(({ name }) => name))].sort();
  }
  async function waitForNone(): Promise<void> {
    let left: readonly string[] = [];
    await waitUntil("no alert fires", LIMIT_MS, async () => {
      left = await firing();
      return left.length === 0;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${left.join()} still fire`);
    });
  }
  /** While `go` is called again and again. */
  async function waitForAll(expected: readonly string[], go: () => Promise<unknown>): Promise<void> {
    const missing = () => expected.filter((name) => !seen.has(name));
    await waitUntil("all have fired", LIMIT_MS, async () => {
      await go();
      await firing();
      return missing().length === 0;
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${missing().join()} have not`);
    });
  }
  const sampleOf = async (expr: string) => Number((await prometheus.query(expr))[0]?.value[1]);

  it("the lists of this test are those of the rules", () => {
    const all = alerts.map(({ alert }) => alert);
    expect(all).toEqual(expect.arrayContaining([...ELSEWHERE, ...NOT_DRIVEN, ...WHEN_FROZEN]));
    expect(DRIVEN.length).toBe(all.length - 7);
  });

  it("nothing fires while all is well", { timeout: 2 * LIMIT_MS }, async () => {
    await waitUntil("all are scraped", LIMIT_MS, async () => (await sampleOf('sum(up{job="portcullis"})')) === 3);
    await waitForNone();
    const until = performance.now() + 5000;
    while (performance.now() < until) {
      expect(await drive.askAbout(server.port, "/validate", { app: "web" })).toBe(200);
      expect(await firing()).toEqual([]);
      await sleep(250);
    }
  });

  it("each fires when it is brought about", { timeout: 2 * LIMIT_MS }, async () => {
    seen.clear();
    const good = issuePair();
    writeFiles(policyDir, policyFiles.withExceptions);
    writePair(certDir, issuePair(TENTH_OF_DAY_MS), new Date());
    await waitUntil(
      "the exceptions are known",
      LIMIT_MS,
      async () => (await sampleOf("sum(portcullis_exceptions)")) >= 2,
    );
    await waitUntil("the certificate is served", LIMIT_MS, async () => {
      return (await sampleOf('portcullis_certificate_reloads_total{pod="a",result="success"}')) === 1;
    });
    writeFiles(policyDir, policyFiles.bad);
    writeFiles(directory, { "callers.crt": "no certificate" });
    writePair(certDir, { ...issuePair(), keyPem: good.keyPem }, new Date());
    api.script({ verb: "patch", times: REFUSED_PATCHES, answer: 403 });
    for (const kind of [MUTATING, VALIDATING]) api.put(kind, existingConfiguration(issueCa("other")));
    const crowd: readonly Socket[] = await drive.connectOften(second.port, CONNECTIONS);
    await waitForAll(DRIVEN, async () => {
      expect(await drive.sendGarbage(server.port)).toBe(400);
      expect(await drive.announceTooMuch(server.port)).toBe(413);
      expect(await drive.fillUp(server.port)).toBe(429);
      expect(await drive.askAbout(server.port, "/validate/0123abcd")).toBe(200);
      expect(await drive.askAbout(second.port)).toBe(401);
      await drive.distrust(server.port, good.caPem, directory);
      second.signal("SIGSTOP");
      await sleep(350);
      second.signal("SIGCONT");
    });
    for (const socket of crowd) socket.destroy();
  });

  it("what they say is filled in", () => {
    for (const { name, labels, annotations } of seen.values()) {
      const { summary = "", description = "" } = annotations;
      expect(summary + description, name).not.toMatch(/\{\{|<no value>|<error|NaN/);
      // A label that the expression doesn't keep is an empty word.
      expect(description, name).not.toMatch(/ {2}| [.,;:)]|\(\)/);
      expect(labels.severity, name).toMatch(/page|ticket/);
    }
  });

  it("each clears when all is well again", { timeout: 2 * LIMIT_MS }, async () => {
    writeFiles(policyDir, policyFiles.mended);
    writeFiles(directory, { "callers.crt": callersCa });
    writePair(certDir, issuePair(), new Date());
    await waitForNone();
  });

  it("Down and ReplicaDown fire when no server answers, and clear", { timeout: 3 * LIMIT_MS }, async () => {
    for (const each of [server, second]) each.signal("SIGSTOP");
    try {
      await waitForAll(WHEN_FROZEN, () => sleep(200));
    } finally {
      for (const each of [server, second]) each.signal("SIGCONT");
    }
    await waitForNone();
  });

  describe("the dashboard", () => {
    beforeAll(async () => {
      if (!runs) return;
      await waitUntil("the keeper has renewed", LIMIT_MS, async () => {
        return (await sampleOf('portcullis_certificate_renewals_total{result="renewed"}')) > 0;
      });
    }, LIMIT_MS);

    it.each(queries.filter((query) => !isOfApiServer(query)))("$panel: $expr has data", async ({ expr }) => {
      expect((await prometheus.query(filledIn(expr, RANGE, "5m"))).length).toBeGreaterThan(0);
    });

    it.each(queries.filter(isOfApiServer))(
      "$panel: $expr parses; it has data where there is an API server",
      async ({ expr }) => {
        expect(await prometheus.query(filledIn(expr, RANGE, "5m"))).toEqual([]);
      },
    );
  });
});
