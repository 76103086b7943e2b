import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { policyOf, ruleOf, verdictOf } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

/** Takes 5 ms, for which the time after 1 ms is up and the time after 500 ms is not. */
const slow = ruleOf(() => {
  const end = performance.now() + 5;
  while (performance.now() < end);
  return verdictOf();
});
let asked: string[] = [];
const last = ruleOf(() => {
  asked.push("last");
  return verdictOf();
});

const server = await serve([policyOf(slow, {}, "slow"), policyOf(last, {}, "last")]);
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
});

const body = bytesOf(reviewOf(requestOf()));

describe("F-18, F-84: a call whose time is up between two policies", () => {
  afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(true));

  it.each(["/validate?timeout=1ms", "/validate?timeout=0.5ms", "/mutate?timeout=1ms", "/validate?x=y&timeout=1ms"])(
    "is answered with 504, and the second is not asked: %s",
    async (path) => {
      const answer = await server.send(path, { body });
      expect(answer.status).toBe(504);
      expect(asked).toEqual([]);
    },
  );

  it("is not even decoded when its time was up before", async () => {
    expect((await server.send("/validate?timeout=0s", { body: "{}" })).status).toBe(504);
  });

  it("is counted as an error of its phase", async () => {
    const count = () => server.sample("portcullis_admission_errors_total", { phase: "mutate", error: "deadline" });
    const before = await count();
    await server.send("/mutate?timeout=1ms", { body });
    expect(await count()).toBe(before + 1);
  });
});

describe("F-18: a call that has time", () => {
  it.each([
    "",
    "?timeout=1s",
    "?timeout=5s",
    "?timeout=2.5s",
    "?timeout=500ms",
    "?timeout=30s",
    "?timeout=",
    "?timeout",
    "?timeout=abc",
    "?timeout=-1s",
    "?timeout=999999s",
    "?timeout=1m",
    "?timeout=5",
    "?timeout=1e-9s",
    "?timeout=5s&timeout=1ms",
    "?timeout=5s?timeout=1ms",
    "?Timeout=1ms",
    "?%",
  ])("is answered, and what can't be read as a time is passed over: /validate%s", async (query) => {
    const answer = await server.send(`/validate${query}`, { body });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
    expect(asked).toEqual(["last"]);
  });
});
