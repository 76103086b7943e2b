/** Other clients that write at the same moment: other replicas, GitOps tools, a person with kubectl. */
import { describe, expect, test } from "vitest";
import { systemClock } from "../../init/backoff.ts";
import { existingConfiguration, issueCa } from "./existing-configuration.ts";
import {
  bundlesOf,
  CONFIG_NAME,
  createFakeClock,
  MUTATING,
  openApi,
  prepareInit,
  readOwnCa,
  VALIDATING,
} from "./init-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

const otherCa = issueCa("pod-b");
const ONLY_VALIDATING = { MUTATE_CONFIG: "" };

function verbsOf(api: ScriptedApi): readonly string[] {
  return api.requests.map(({ verb }) => verb);
}

/** The CAs of the two webhooks of ours in `existingConfiguration`. */
function ownBundlesOf(api: ScriptedApi): readonly (readonly string[] | undefined)[] {
  const bundles = bundlesOf(api, VALIDATING);
  return [bundles.at(0), bundles.at(-1)];
}

test("F-102: another replica creates the configuration first: we merge into it", async () => {
  const api = await openApi();
  api.script({ verb: "create", before: () => api.put(VALIDATING, existingConfiguration(otherCa)) });
  const { run, certDir } = prepareInit(api, ONLY_VALIDATING);
  await run();
  const both = [otherCa, readOwnCa(certDir)];
  expect(ownBundlesOf(api)).toEqual([both, both]);
});

test("ten writers in a row are faster: each time we read again, after a longer pause", async () => {
  const api = await openApi();
  const configuration = existingConfiguration(otherCa);
  api.put(VALIDATING, configuration);
  api.script({ verb: "patch", times: 10, before: () => api.put(VALIDATING, configuration) });
  const clock = createFakeClock();
  const { run, certDir } = prepareInit(api, ONLY_VALIDATING, clock);
  await run();
  const both = [otherCa, readOwnCa(certDir)];
  expect(ownBundlesOf(api)).toEqual([both, both]);
  expect(verbsOf(api)).toEqual(["get", ...Array(11).fill(["get", "patch"]).flat(), "get", "get"]);
  expect(clock.sleptMs).toEqual([12.5, 25, 50, 100, 200, 400, 800, 1000, 1000, 1000, 3000]);
});

test("the configuration is deleted between our read and our patch: it is created anew", async () => {
  const api = await openApi();
  api.put(VALIDATING, existingConfiguration(otherCa));
  api.script({ verb: "patch", before: () => api.delete(VALIDATING, CONFIG_NAME) });
  const { run, certDir } = prepareInit(api, ONLY_VALIDATING);
  await run();
  const own = [readOwnCa(certDir)];
  expect(bundlesOf(api, VALIDATING)).toEqual([own, own, own]);
  expect(verbsOf(api)).toEqual(["get", "get", "patch", "get", "create", "get", "get"]);
});

test("a configuration that is being deleted is not written to; once it is gone, it is created anew", async () => {
  const api = await openApi();
  const { metadata, ...rest } = existingConfiguration(otherCa);
  api.put(VALIDATING, { ...rest, metadata: { ...metadata, deletionTimestamp: "2026-06-01T11:59:59Z" } });
  api.script({ verb: "get", times: 4 }, { verb: "get", before: () => api.delete(VALIDATING, CONFIG_NAME) });
  await prepareInit(api, ONLY_VALIDATING).run();
  expect(verbsOf(api)).toEqual(["get", "get", "get", "get", "get", "create", "get", "get"]);
  expect(api.get(VALIDATING, CONFIG_NAME)?.metadata.deletionTimestamp).toBeUndefined();
});

describe("a writer that puts its own caBundle in place of ours, right after our patch", () => {
  const replace = (api: ScriptedApi) => () => api.put(VALIDATING, existingConfiguration(otherCa));

  test("is noticed: our CA is put in again, before the pause at the end", async () => {
    const api = await openApi();
    api.put(VALIDATING, existingConfiguration());
    api.script({ verb: "patch", after: replace(api) });
    const clock = createFakeClock();
    const { run, certDir } = prepareInit(api, ONLY_VALIDATING, clock);
    await run();
    const both = [otherCa, readOwnCa(certDir)];
    expect(ownBundlesOf(api)).toEqual([both, both]);
    expect(clock.sleptMs.at(-1)).toBe(3000);
  });

  test("and does so for ever, ends init at its deadline, with pauses until then", async () => {
    const api = await openApi();
    api.put(VALIDATING, existingConfiguration());
    api.script({ verb: "patch", times: 200, after: replace(api) });
    const clock = createFakeClock();
    const { run } = prepareInit(api, { ...ONLY_VALIDATING, INIT_DEADLINE_SECONDS: "10" }, clock);
    await expect(run()).rejects.toMatchObject({ code: "API", message: expect.stringMatching(/^gave up after/) });
    expect(clock.sleptMs.length).toBeGreaterThan(5);
  });
});

test("register adds an entry, with the caBundles of before ours, while ours is on its way: it gets ours too, and a pause", async () => {
  const api = await openApi();
  const clock = createFakeClock();
  api.put(MUTATING, { metadata: { name: CONFIG_NAME }, webhooks: [] });
  api.put(VALIDATING, existingConfiguration(otherCa));
  const sleepOn = clock.sleep;
  clock.sleep = async (ms) => {
    clock.sleep = sleepOn;
    api.put(MUTATING, existingConfiguration(otherCa));
    await sleepOn(ms);
  };
  const { run, certDir } = prepareInit(api, {}, clock);
  await run();
  expect(bundlesOf(api, MUTATING)[0]).toEqual([otherCa, readOwnCa(certDir)]);
  expect(clock.sleptMs).toEqual([3000, 3000]);
});

test("F-102: thirty inits at once leave thirty CAs", async () => {
  const api = await openApi();
  api.setClock(() => new Date());
  const pods = Array.from({ length: 30 }, (_, index) =>
    prepareInit(api, { POD_UID: `pod-${index}`, CA_SETTLE_MS: "0" }, systemClock),
  );
  await Promise.all(pods.map(({ run }) => run()));
  const all = pods.map(({ certDir }) => readOwnCa(certDir)).sort();
  for (const bundle of [...bundlesOf(api, MUTATING), ...bundlesOf(api, VALIDATING)]) {
    expect([...bundle].sort()).toEqual(all);
  }
});

test("F-114: an init that dies between the two configurations is completed by its next run, which leaves one CA of the Pod", async () => {
  const api = await openApi();
  api.put(MUTATING, existingConfiguration(otherCa));
  api.put(VALIDATING, existingConfiguration(otherCa));
  api.script({ verb: "patch" }, { verb: "patch", answer: 418 });
  const { run, certDir } = prepareInit(api);
  await expect(run()).rejects.toThrow("status 418");
  expect(bundlesOf(api, MUTATING)[0]).toEqual([otherCa, readOwnCa(certDir)]);

  const second = prepareInit(api);
  await second.run();
  const both = [otherCa, readOwnCa(second.certDir)];
  expect(bundlesOf(api, MUTATING)[0]).toEqual(both);
  expect(bundlesOf(api, VALIDATING)[0]).toEqual(both);
});
