/** New CA into the bundles, a pause, new files; and the old CA out later. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runInit } from "../../init/run.ts";
import { bundlesOf, CONFIG_NAME, contextOf, openApi, readOwnCa, VALIDATING } from "./init-run.ts";
import { beginRounds, startKeeper } from "./keeper-run.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ONLY_VALIDATING = { MUTATE_CONFIG: "", CA_SETTLE_MS: "3000" };
const RENEWED = 'portcullis_certificate_renewals_total{result="renewed"}';
const FAILED = 'portcullis_certificate_renewals_total{result="failed"}';

test("before two thirds of its life a certificate stays, after it has a successor", async () => {
  const api = await openApi();
  const { runRound, clock, certDir, sample } = await startKeeper(api, ONLY_VALIDATING);
  const first = readOwnCa(certDir);
  // 30 days, which no timer of Node can wait.
  await clock.sleep(17.9 * DAY_MS);
  await runRound();
  expect(readOwnCa(certDir)).toBe(first);
  await clock.sleep(4.2 * DAY_MS);
  await runRound();
  expect(readOwnCa(certDir)).not.toBe(first);
  expect(await sample(RENEWED)).toBe(1);
});

test("the new CA is in the bundle, and the pause over, before the files change; the old one goes ten minutes later", async () => {
  const api = await openApi();
  const { runRound, clock, certDir } = await startKeeper(api, ONLY_VALIDATING);
  const first = readOwnCa(certDir);
  await clock.sleep(25 * DAY_MS);
  const seen: string[] = [];
  const note = (event: string) => () => seen.push(`${event}: ${readOwnCa(certDir) === first ? "old" : "new"} files`);
  const sleepOn = clock.sleep;
  clock.sleep = async (ms) => {
    note(`pause of ${ms} ms`)();
    await sleepOn(ms);
  };
  api.script({ verb: "patch", after: note("patch") });
  await runRound();
  expect(seen).toEqual(["patch: old files", "pause of 3000 ms: old files"]);
  const second = readOwnCa(certDir);
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([first, second]);

  await clock.sleep(9.9 * MINUTE_MS);
  await runRound();
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([first, second]);
  await clock.sleep(0.2 * MINUTE_MS);
  await runRound();
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([second]);
});

test.each([403, 409, 500])("a CA that can't be brought into the bundle (%d) renews nothing", async (answer) => {
  const api = await openApi();
  const { runRound, clock, certDir, sample } = await startKeeper(api, ONLY_VALIDATING);
  const first = readOwnCa(certDir);
  await clock.sleep(25 * DAY_MS);
  api.script({ verb: "patch", answer, times: Number.POSITIVE_INFINITY });
  await runRound();
  await runRound();
  expect(readOwnCa(certDir)).toBe(first);
  expect(await sample(FAILED)).toBe(2);
});

test("a new CA that somebody takes out during the pause renews nothing; the next round brings the same one", async () => {
  const api = await openApi();
  const { runRound, clock, certDir, sample } = await startKeeper(api, ONLY_VALIDATING);
  const first = readOwnCa(certDir);
  const before = api.get(VALIDATING, CONFIG_NAME);
  await clock.sleep(25 * DAY_MS);
  const sleepOn = clock.sleep;
  clock.sleep = async (ms) => {
    if (before) api.put(VALIDATING, before);
    clock.sleep = sleepOn;
    await sleepOn(ms);
  };
  await runRound();
  expect(readOwnCa(certDir)).toBe(first);
  expect(await sample(FAILED)).toBe(1);
  const [, offered] = bundlesOf(api, VALIDATING)[0] ?? [];
  await runRound();
  expect(readOwnCa(certDir)).toBe(offered);
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([first, offered]);
});

test("ten-minute certificates for two hours: always a good one, and never more than three CAs", async () => {
  const api = await openApi();
  const { runRound, clock, certDir, sample } = await startKeeper(api, { ...ONLY_VALIDATING, CERT_VALIDITY: "10m" });
  let largest = 0;
  const end = clock.now().getTime() + 2 * HOUR_MS;
  while (clock.now().getTime() < end) {
    await clock.sleep(30_000);
    await runRound();
    const bundle = bundlesOf(api, VALIDATING)[0] ?? [];
    expect(bundle).toContain(readOwnCa(certDir));
    largest = Math.max(largest, bundle.length);
  }
  expect(largest).toBeLessThanOrEqual(3);
  expect(await sample(RENEWED)).toBeGreaterThan(15);
  expect(await sample('portcullis_keeper_rounds_total{result="failed"}')).toBeUndefined();
});

test("a wall clock that jumps beyond the end is noticed by the next round", async () => {
  const api = await openApi();
  const { runRound, clock, certDir } = await startKeeper(api, ONLY_VALIDATING);
  const first = readFileSync(join(certDir, "tls.crt"), "utf8");
  await clock.sleep(400 * DAY_MS);
  await runRound();
  expect(readFileSync(join(certDir, "tls.crt"), "utf8")).not.toBe(first);
});

test("a keeper that starts again renews in the same order, since its server still serves the old one", async () => {
  const api = await openApi();
  const { context, clock, certDir } = await startKeeper(api, ONLY_VALIDATING);
  const first = readOwnCa(certDir);
  await clock.sleep(25 * DAY_MS);
  const seen: boolean[] = [];
  api.script({ verb: "patch", after: () => seen.push(readOwnCa(certDir) === first) });
  // Another process on the same directory: it remembers nothing of the one before.
  const again = contextOf(context.config, clock, context.logger);
  await runInit(again);
  expect(seen).toEqual([true]);
  const second = readOwnCa(certDir);
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([first, second]);
  const { runRound } = beginRounds(again);
  await runRound();
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([first, second]);
  await clock.sleep(11 * MINUTE_MS);
  await runRound();
  expect(bundlesOf(api, VALIDATING)[0]).toEqual([second]);
});
