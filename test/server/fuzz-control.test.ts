/** The fuzzer is fuzzed: with a bug planted in a small server it must find it, and without one nothing. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fuzz } from "../fuzz/fuzz.ts";
import type { RawCase } from "../fuzz/fuzz-case.ts";
import { rssProblems } from "../fuzz/health.ts";
import { MARK } from "../fuzz/hostile.ts";
import { judge } from "../fuzz/judge.ts";
import { readSeeds } from "../fuzz/seeds.ts";
import { startTarget } from "../fuzz/target.ts";

const BROKEN_SERVER = fileURLToPath(new URL("../fuzz/broken-server.ts", import.meta.url));
const seeds = readSeeds();
/** A bug takes several programs, one after the other, to be found and blamed. */
const LONG = { timeout: 180_000 };

async function findingsOf(bug: string, maxCases: number) {
  const { findings } = await fuzz({
    start: () => startTarget(BROKEN_SERVER, { BUG: bug }),
    seeds,
    seed: 1,
    isOver: (cases) => cases >= maxCases,
    batchSize: 100,
    answerLimitMs: 3_000,
  });
  return findings;
}

describe("G-3: a bug is found, and the case that shows it", () => {
  it.each<[string, RegExp]>([
    ["allows", /^a verdict on a body that breaks the contract$/],
    ["crashes", /^the program ended with status 3/],
    ["hangs", /^no answer in time$/],
    ["throws", /^status 500/],
    ["refuses", /^status 400 for a body that keeps the contract/],
    ["quotes", /^an error that quotes the body: /],
    ["mixes", /^a bad response: expected response\.uid=/],
    ["patches", /^a bad response: response\.patch does not apply/],
    ["remembers", /^the control request was answered with .*400/],
    ["dies-of-tls", /^the program ended with status 4/],
  ])("%s", LONG, async (bug, expected) => {
    const [finding] = await findingsOf(bug, 8_000);
    expect(finding?.what).toMatch(expected);
    expect(finding?.cases).toHaveLength(1);
  });

  it("leaks, which no case does alone", LONG, async () => {
    expect(await findingsOf("leaks", 8_000)).toEqual([{ what: expect.stringMatching(/^RSS of \d+ MiB$/), cases: [] }]);
  });

  it("none, and none is found", LONG, async () => {
    expect(await findingsOf("none", 800)).toEqual([]);
  });
});

describe("the answer to raw bytes", () => {
  const bytes = Buffer.from('POST /validate HTTP/1.1\r\n\r\n{"uid":"mine"}');
  const sent: RawCase = { kind: "raw", transport: "tls", pieces: [bytes.length], ending: "wait", bytes };
  const verdictOn = (text: string) => judge(sent, { kind: "bytes", bytes: Buffer.from(text) }, 0);
  it.each<[string, string | undefined]>([
    ["", undefined],
    ["\x15\x03\x03\x00\x02\x02\x46", undefined],
    ["HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", undefined],
    ['HTTP/1.1 200 OK\r\n\r\n{"uid":"mine"}', undefined],
    ['HTTP/1.1 200 OK\r\n\r\n{"uid":"another"}', 'a verdict with a uid that was not sent: "another"'],
    ["HTTP/1.1 400 Bad Request\r\n\r\nHTTP/1.1 500 Internal Server Error\r\n\r\n", "status 500"],
    [`HTTP/1.1 404 Not Found\r\n\r\n${MARK}`, "an error that quotes the request"],
    ["HTTP/1.1 308 Permanent Redirect\r\n\r\n", "status 308, which leads elsewhere"],
  ])("%j", (answer, expected) => {
    expect(verdictOn(answer)).toBe(expected);
  });
});

describe("memory", () => {
  const series = (from: number, to: number) =>
    Array.from({ length: 1_000 }, (_, index) => from + ((to - from) * index) / 1_000);
  it("that goes up and down, or up to where it stays, is no finding", () => {
    expect(rssProblems(series(150, 150).map((mib, index) => mib + (index % 90)))).toEqual([]);
    expect(rssProblems([...series(100, 400), ...series(400, 400), ...series(400, 400), ...series(400, 400)])).toEqual(
      [],
    );
  });

  it("that goes up and up is one, and so is what is more than a Pod has", () => {
    expect(rssProblems(series(100, 400))).toEqual([expect.stringMatching(/^RSS grew from \d+ to \d+ MiB$/)]);
    expect(rssProblems([600])).toEqual(["RSS of 600 MiB"]);
  });
});
