/** What fuzzing has found, and what it might have, in the exact bytes: each is sent to the program and judged as by the fuzzer. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWatched, type Watched } from "../fuzz/blame.ts";
import { fuzz } from "../fuzz/fuzz.ts";
import { readCase, writeCase } from "../fuzz/fuzz-case.ts";
import { judge } from "../fuzz/judge.ts";
import { readSeeds } from "../fuzz/seeds.ts";
import { type Answer, createSender, type Sender } from "../fuzz/send.ts";
import { SOURCE, startTarget } from "../fuzz/target.ts";

const CASES = new URL("../fuzz/cases/", import.meta.url);
const files = readdirSync(CASES).sort();
const start = () => startTarget(SOURCE);

let watched: Watched;
let sender: Sender;
beforeAll(async () => {
  watched = await startWatched(start);
  sender = createSender(watched.target);
}, 60_000);
afterAll(async () => {
  sender.close();
  await watched.target.stop();
});

/** 0 where there is none. */
function statusOf(answer: Answer): number {
  if (answer.kind === "http") return answer.status;
  return answer.kind === "none" ? 0 : Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer.bytes.toString("latin1"))?.[1] ?? 0);
}

describe("G-3: a kept case", () => {
  it.each(files)("%s is answered as it should be, and the next call as before", async (file) => {
    const bytes = readFileSync(new URL(file, CASES));
    const { fuzzCase, expectation } = readCase(bytes);
    expect(writeCase(fuzzCase, expectation).equals(bytes)).toBe(true);
    const beganMs = performance.now();
    const answer = await sender.send(fuzzCase);
    expect(judge(fuzzCase, answer, performance.now() - beganMs)).toBeUndefined();
    expect(expectation.statuses).toContain(statusOf(answer));
    expect(await watched.health.check()).toEqual([]);
    expect(watched.target.ended()).toBeUndefined();
  });
});

it("G-3: a short run of the fuzzer finds nothing", { timeout: 120_000 }, async () => {
  const report = await fuzz({ start, seeds: readSeeds(), seed: 20260, isOver: (cases) => cases >= 2_000 });
  expect(report.findings.map(({ what, cases }) => [what, ...cases.map(({ number }) => number)])).toEqual([]);
  // Both what is judged and what is refused are met.
  expect(report.answers.get("200")).toBeGreaterThan(400);
  expect(report.answers.get("400")).toBeGreaterThan(200);
});
