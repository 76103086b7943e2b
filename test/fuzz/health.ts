/** Whether the target is well between batches: it answers as before, its memory and its connections don't pile up. */
import { setTimeout as sleep } from "node:timers/promises";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import type { BodyCase } from "./fuzz-case.ts";
import { createSender } from "./send.ts";
import type { Target } from "./target.ts";

/** For an answer, whatever the cases before have left in the queue. */
const CONTROL_LIMIT_MS = 5_000;
/** Cases hold a few connections; a server that forgets to close them holds more with each batch. */
const MAX_OPEN_FILES = 300;
/** What the Pod may have, beyond which it would be killed. */
export const MAX_RSS_MIB = 512;

export interface Health {
  /** What is wrong, as one clause each. */
  check(): Promise<readonly string[]>;
  /** What has piled up until the last check; no case by itself is to blame. */
  growth(): readonly string[];
  /** For a line of progress. */
  summary(): string;
}

/** The answers of the moment are those that later ones are compared with. */
export async function watchHealth(target: Target): Promise<Health> {
  const expected = await answersOf(target);
  const rssMib: number[] = [];
  let openFiles: number | undefined;
  return {
    async check() {
      const answers = await answersOf(target);
      const rss = target.rssMib();
      if (rss !== undefined) rssMib.push(rss);
      openFiles = target.openFiles();
      return [
        ...answers.flatMap((answer, index) =>
          answer === expected[index] ? [] : [`the control request was answered with ${answer.slice(0, 300)}`],
        ),
        ...stderrProblems(target.stderr()),
      ];
    },
    growth: () => [...((openFiles ?? 0) > MAX_OPEN_FILES ? [`${openFiles} open files`] : []), ...rssProblems(rssMib)],
    summary: () => `RSS ${rssMib.at(-1) ?? "?"} MiB (at most ${maxOf(rssMib)}), ${openFiles ?? "?"} open files`,
  };
}

/** express asks url.parse about URLs that are odd, and Node says once what it thinks of it. */
function stderrProblems(text: string): readonly string[] {
  const lines = text.split("\n").filter((line) => line !== "" && !/\[DEP0169\]|--trace-deprecation/.test(line));
  return lines.length === 0 ? [] : [`the program wrote to stderr: ${lines.join("\n").slice(0, 1000)}`];
}

/** Memory that is used again goes up and down; what is lost goes up. */
export function rssProblems(samplesMib: readonly number[]): readonly string[] {
  const last = samplesMib.at(-1) ?? 0;
  if (last > MAX_RSS_MIB) return [`RSS of ${last} MiB`];
  if (samplesMib.length < 400) return [];
  const quarter = Math.floor(samplesMib.length / 4);
  const early = medianOf(samplesMib.slice(quarter, 2 * quarter));
  const late = medianOf(samplesMib.slice(-quarter));
  return late > 1.25 * early + 64 ? [`RSS grew from ${Math.round(early)} to ${Math.round(late)} MiB`] : [];
}

function maxOf(numbers: readonly number[]): number {
  return numbers.reduce((max, number) => Math.max(max, number), 0);
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

const POD_WITH_CLAIM = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "control", labels: { app: "control" } },
  spec: {
    containers: [{ name: "main", image: "a", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
    volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
  },
};

/** One that is allowed, one that is refused and one that is patched. */
const CONTROLS: readonly BodyCase[] = [
  ["/validate", requestOf({ uid: "control" })],
  ["/validate", requestOf({ uid: "control", object: { ...POD_WITH_CLAIM, metadata: { name: "control" } } })],
  ["/mutate", requestOf({ uid: "control", object: POD_WITH_CLAIM })],
].map(([path, request]) => ({
  kind: "body",
  path: String(path),
  contentType: "application/json",
  bytes: Buffer.from(bytesOf(reviewOf(request))),
}));

async function answersOf(target: Target): Promise<readonly string[]> {
  const sender = createSender(target);
  const limitMs = performance.now() + CONTROL_LIMIT_MS;
  const answers: string[] = [];
  for (const control of CONTROLS) {
    for (;;) {
      const answer = await Promise.race([sender.send(control), sleep(CONTROL_LIMIT_MS)]);
      const isShed = answer?.kind === "http" && answer.status === 429;
      answers.push(answer === undefined ? `nothing within ${CONTROL_LIMIT_MS / 1000} s` : JSON.stringify(answer));
      if (!isShed || performance.now() > limitMs) break;
      answers.pop();
      await sleep(100);
    }
  }
  sender.close();
  return answers;
}
