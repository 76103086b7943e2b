/** An API server that is away, busy, slow or in the middle of a restart. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { existingConfiguration } from "./existing-configuration.ts";
import { bundlesOf, createFakeClock, openApi, prepareInit, readOwnCa, VALIDATING } from "./init-run.ts";
import type { ScriptedApi, Step, Verb } from "./scripted-api.ts";

const ONLY_VALIDATING = { MUTATE_CONFIG: "" };
const SETTLE_MS = 3000;
/** In the words of RBAC. */
const OBJECT = 'validatingwebhookconfigurations.admissionregistration.k8s.io "portcullis"';

/** An API where the next write is of this verb. */
async function openApiFor(verb: Verb): Promise<ScriptedApi> {
  const api = await openApi();
  if (verb === "patch") api.put(VALIDATING, existingConfiguration());
  return api;
}

afterEach(() => vi.restoreAllMocks());

describe.each(["get", "create", "patch"] as const)("F-105: %s", (verb) => {
  test.each<[string, Step]>([
    ["500", { answer: 500 }],
    ["503, five times", { answer: 503, times: 5 }],
    ["429", { answer: 429 }],
    ["401, as while a token is replaced", { answer: 401 }],
    ["the end of the connection", { answer: "cut" }],
    ["a late answer", { delayMs: 300 }],
  ])("answered with %s succeeds in the end", async (_, step) => {
    const api = await openApiFor(verb);
    api.script({ verb, ...step });
    const clock = createFakeClock();
    const { run, certDir, logLines } = prepareInit(api, ONLY_VALIDATING, clock);
    await run();
    expect(bundlesOf(api, VALIDATING)[0]).toEqual([readOwnCa(certDir)]);
    const retries = step.answer === undefined ? 0 : (step.times ?? 1);
    expect(logLines.filter(({ level }) => level === "warn")).toHaveLength(retries);
    expect(clock.sleptMs).toHaveLength(retries + 1);
    expect(clock.sleptMs.at(-1)).toBe(SETTLE_MS);
  });

  test("that is never answered is given up after ten seconds, and tried again", async () => {
    const api = await openApiFor(verb);
    const askedMs: number[] = [];
    const startTimeout = AbortSignal.timeout.bind(AbortSignal);
    // Client and sockets live in real time, and ten seconds of it would be too long for a test.
    vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
      askedMs.push(ms);
      return startTimeout(200);
    });
    api.script({ verb, delayMs: 1000, answer: "cut" });
    const { run, certDir } = prepareInit(api, ONLY_VALIDATING);
    await run();
    expect(bundlesOf(api, VALIDATING)[0]).toEqual([readOwnCa(certDir)]);
    expect(new Set(askedMs)).toEqual(new Set([10_000]));
  });
});

test.each(["create", "patch"] as const)(
  "a %s whose answer got lost counts as a write: the pause is kept",
  async (verb) => {
    const api = await openApiFor(verb);
    api.script({ verb, answer: "lost" });
    const clock = createFakeClock();
    const { run, certDir } = prepareInit(api, ONLY_VALIDATING, clock);
    await run();
    expect(bundlesOf(api, VALIDATING)[0]).toEqual([readOwnCa(certDir)]);
    expect(clock.sleptMs.at(-1)).toBe(SETTLE_MS);
  },
);

test("the log says why it tries again, and when", async () => {
  const api = await openApi();
  api.script({ verb: "get", answer: 503, times: 2 }, { verb: "create", answer: 429 });
  const { run, logLines } = prepareInit(api, ONLY_VALIDATING);
  await run();
  expect(logLines.filter(({ level }) => level === "warn")).toMatchObject([
    { reason: `get ${OBJECT}: status 503 scripted 503`, delayMs: 13 },
    { reason: `get ${OBJECT}: status 503 scripted 503`, delayMs: 25 },
    { reason: `create ${OBJECT}: status 429 scripted 429`, delayMs: 13 },
  ]);
});

test("F-105: at the deadline it ends with the latest reason, not later", async () => {
  const api = await openApi();
  api.script({ answer: 500 }, { answer: 503, times: Number.POSITIVE_INFINITY });
  const clock = createFakeClock();
  const startMs = clock.now().getTime();
  const { run } = prepareInit(api, { ...ONLY_VALIDATING, INIT_DEADLINE_SECONDS: "30" }, clock);
  await expect(run()).rejects.toMatchObject({
    code: "API",
    message: expect.stringMatching(/^gave up after \d+ tries: get .*: status 503 scripted 503$/),
  });
  const elapsedMs = clock.now().getTime() - startMs;
  expect(elapsedMs).toBeGreaterThan(28_000);
  expect(elapsedMs).toBeLessThanOrEqual(30_000);
});

test("F-106: 403 is tried once more, since an API server that has just started forbids everything; then it is final", async () => {
  const api = await openApi();
  api.script({ verb: "create", answer: 403, times: Number.POSITIVE_INFINITY });
  await expect(prepareInit(api, ONLY_VALIDATING).run()).rejects.toMatchObject({ code: "RBAC" });
  expect(api.requests.map(({ verb }) => verb)).toEqual(["get", "get", "create", "create"]);
});

test("403 of an API server that has not read its roles yet is tried until the deadline, and is RBAC then", async () => {
  const api = await openApi();
  api.answerAt("/version", 403);
  api.script({ verb: "create", answer: 403, times: 3 });
  await prepareInit(api, ONLY_VALIDATING).run();
  expect(api.requests.filter(({ verb }) => verb === "create")).toHaveLength(4);

  api.delete(VALIDATING, "portcullis");
  api.script({ verb: "create", answer: 403, times: Number.POSITIVE_INFINITY });
  await expect(prepareInit(api, ONLY_VALIDATING).run()).rejects.toMatchObject({
    code: "RBAC",
    message: expect.stringContaining("has not read its roles yet"),
  });
});

test.each<[number, string]>([
  [422, "API"],
  [400, "API"],
])("%d is not tried again", async (answer, code) => {
  const api = await openApi();
  api.script({ verb: "create", answer });
  await expect(prepareInit(api, ONLY_VALIDATING).run()).rejects.toMatchObject({ code });
  expect(api.requests.map(({ verb }) => verb)).toEqual(["get", "get", "create"]);
});

test.each<Verb>(["get", "create", "patch"])("a forbidden %s is told with verb, resource and object", async (verb) => {
  const api = await openApiFor(verb);
  api.script({ verb, answer: 403, times: Number.POSITIVE_INFINITY });
  await expect(prepareInit(api, ONLY_VALIDATING).run()).rejects.toMatchObject({
    code: "RBAC",
    message: `forbidden: ${verb} ${OBJECT}: scripted 403`,
  });
});
