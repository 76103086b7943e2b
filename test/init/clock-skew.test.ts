/** A node whose clock is not the API server's: the certificate has to be valid on both. */
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { pruningTime } from "../../init/ca/pruning-time.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { BACKDATE_MS } from "../../src/tls/profile.ts";
import { existingConfiguration } from "./existing-configuration.ts";
import {
  bundlesOf,
  createFakeClock,
  ENVIRONMENT,
  type FakeClock,
  MUTATING,
  NOW,
  openApi,
  prepareInit,
  readOwnCa,
  VALIDATING,
} from "./init-run.ts";
import { startKeeper } from "./keeper-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `aheadMs` is how far the node's clock is ahead of the API server's. */
async function openApiBehind(aheadMs: number): Promise<{ readonly api: ScriptedApi; readonly serverNow: Date }> {
  const api = await openApi();
  const serverNow = new Date(NOW.getTime() - aheadMs);
  api.setClock(() => serverNow);
  return { api, serverNow };
}

describe.each([
  ["ahead", 1],
  ["behind", -1],
] as const)("F-99: a node's clock that is %s", (direction, sign) => {
  test.each([
    [30 * SECOND_MS, 0],
    [31 * SECOND_MS, 1],
    [50 * MINUTE_MS, 1],
  ])(
    "by %d ms is worth %d warnings, and the certificate is dated an hour before either clock",
    async (differenceMs, warnings) => {
      const { api, serverNow } = await openApiBehind(sign * differenceMs);
      const { run, certDir, logLines } = prepareInit(api);
      await run();
      const told = logLines.filter(({ level }) => level === "warn");
      expect(told).toHaveLength(warnings);
      for (const line of told) expect(line.skewSeconds).toBe((sign * differenceMs) / SECOND_MS);
      const earlier = new Date(Math.min(NOW.getTime(), serverNow.getTime()) - HOUR_MS);
      for (const file of ["tls.crt", "ca.crt"]) expect(readCertificate(certDir, file).validFromDate).toEqual(earlier);
    },
  );

  test("by 51 minutes ends init before anything is written", async () => {
    const { api } = await openApiBehind(sign * 51 * MINUTE_MS);
    const { run, certDir } = prepareInit(api);
    const preposition = direction === "ahead" ? "ahead of" : "behind";
    await expect(run()).rejects.toMatchObject({
      code: "CLOCK",
      message: `this node's clock is 51 minutes ${preposition} the API server's`,
    });
    expect(readdirSync(certDir)).toEqual([]);
    expect(api.requests.every(({ verb }) => verb === "get")).toBe(true);
  });
});

test("the certificate lives for CERT_VALIDITY from now on", async () => {
  const { api } = await openApiBehind(0);
  const { run, certDir } = prepareInit(api, { CERT_VALIDITY: "90m" });
  await run();
  for (const file of ["tls.crt", "ca.crt"]) {
    expect(readCertificate(certDir, file).validToDate).toEqual(new Date(NOW.getTime() + 90 * MINUTE_MS));
  }
});

test("a life shorter than the difference still reaches beyond the API server's now", async () => {
  const { api, serverNow } = await openApiBehind(-40 * MINUTE_MS);
  const { run, certDir } = prepareInit(api, { CERT_VALIDITY: "30m" });
  await run();
  expect(readCertificate(certDir, "tls.crt").validToDate.getTime()).toBeGreaterThan(serverNow.getTime());
});

describe("F-99: a CA of another Pod leaves when it is time by both clocks, and by one alone it stays", () => {
  const otherCa = issueCertificates({
    names: { service: ENVIRONMENT.WEBHOOK_SERVICE, namespace: ENVIRONMENT.WEBHOOK_NAMESPACE },
    podUid: "pod-b",
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(NOW.getTime() - BACKDATE_MS),
    notAfter: new Date(NOW.getTime() + 30 * DAY_MS),
  }).caPem;

  /** Lets `ms` pass by these clocks, and by no other. */
  async function letPass(ms: number, clocks: string, api: ScriptedApi, clock: FakeClock): Promise<void> {
    const serverNow = new Date(NOW.getTime() + (clocks === "the node's" ? 0 : ms));
    api.setClock(() => serverNow);
    if (clocks !== "the API server's") await clock.sleep(ms);
  }

  async function openApiWithOther(): Promise<ScriptedApi> {
    const api = await openApi();
    for (const kind of [MUTATING, VALIDATING]) api.put(kind, existingConfiguration(otherCa));
    // Once its Pod is gone; heard of only with POD_SELECTOR.
    api.answerAt("/api/v1/namespaces/policy/pods", { items: [{ metadata: { uid: ENVIRONMENT.POD_UID } }] });
    return api;
  }

  function expectBundles(api: ScriptedApi, cas: readonly string[]): void {
    for (const kind of [MUTATING, VALIDATING]) expect(bundlesOf(api, kind)[0]).toEqual(cas);
  }

  describe.each([
    ["the node's", true],
    ["the API server's", true],
    ["both", false],
  ] as const)("by %s", (clocks, stays) => {
    test("that has expired, in a round of the keeper", async () => {
      const api = await openApiWithOther();
      const { runRound, certDir, clock } = await startKeeper(api, { CERT_VALIDITY: "90d" });
      const own = readOwnCa(certDir);
      await letPass(40 * DAY_MS, clocks, api, clock);
      await runRound();
      expectBundles(api, stays ? [otherCa, own] : [own]);
    });

    test("that has expired, in an init that runs again", async () => {
      const api = await openApiWithOther();
      const clock = createFakeClock();
      const { run, certDir } = prepareInit(api, {}, clock);
      await run();
      await letPass(40 * DAY_MS, clocks, api, clock);
      await run();
      expectBundles(api, stays ? [otherCa, readOwnCa(certDir)] : [readOwnCa(certDir)]);
    });

    test("whose Pod is gone for ten minutes", async () => {
      const api = await openApiWithOther();
      const { runRound, certDir, clock } = await startKeeper(api, { POD_SELECTOR: "app=portcullis" });
      const own = readOwnCa(certDir);
      await letPass(20 * MINUTE_MS, clocks, api, clock);
      // The clock of a keeper's connection is that of the answer before.
      for (let round = 0; round < 2; round++) await runRound();
      expectBundles(api, stays ? [otherCa, own] : [own]);
    });
  });
});

test("F-99: before the API server has said what time it is, no CA has expired", () => {
  expect(pruningTime(createFakeClock(), () => undefined)).toEqual(new Date(0));
});

function readCertificate(certDir: string, file: string): X509Certificate {
  return new X509Certificate(readFileSync(join(certDir, file)));
}
