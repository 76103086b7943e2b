/** A run: batches of cases on a target, each answer judged, the target looked after in between. */
import { blame, endOf, type Numbered, startWatched, type Watched, withStack } from "./blame.ts";
import { caseOf } from "./generate.ts";
import { judge, SLOW_MS } from "./judge.ts";
import type { Seeds } from "./seeds.ts";
import { type Answer, createSender, TIMED_OUT } from "./send.ts";
import type { Target } from "./target.ts";

export interface FuzzOptions {
  start(): Promise<Target>;
  readonly seeds: Seeds;
  readonly seed: number;
  readonly firstCase?: number;
  /** Asked between batches. */
  isOver(cases: number): boolean;
  readonly batchSize?: number;
  /** For a body; by default longer than any deadline. */
  readonly answerLimitMs?: number;
  /** On, in spite of findings; each sort of them is told once. */
  readonly keepGoing?: boolean;
  /** Told of each batch. */
  onBatch?(report: Report): void;
}

export interface Finding {
  readonly what: string;
  /** One, unless which of them it was can't be told. */
  readonly cases: readonly Numbered[];
}

export interface Report {
  readonly cases: number;
  /** By status, or "bytes" for a raw case. */
  readonly answers: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
  readonly slowest: { readonly number: number; readonly ms: number };
  /** Of the target. */
  readonly health: string;
}

const BATCH_SIZE = 400;
/** Bodies keep the server busy, raw bytes wait for answers that don't come. */
const BODY_LANES = 2;
const RAW_LANES = 25;

interface Judged {
  readonly numbered: Numbered;
  readonly answer: Answer;
  readonly tookMs: number;
  readonly what: string | undefined;
}

export async function fuzz(options: FuzzOptions): Promise<Report> {
  const {
    start,
    seeds,
    seed,
    firstCase = 0,
    isOver,
    batchSize = BATCH_SIZE,
    answerLimitMs,
    keepGoing,
    onBatch,
  } = options;
  const answers = new Map<string, number>();
  const findings = new Map<string, Finding>();
  let slowest = { number: -1, ms: 0 };
  let next = firstCase;
  let watched = await startWatched(start);

  const report = (): Report => {
    return {
      cases: next - firstCase,
      answers,
      findings: [...findings.values()],
      slowest,
      health: watched.health.summary(),
    };
  };
  const found = (what: string, cases: readonly Numbered[]): void => {
    const signature = what.replaceAll(/\d+/g, "#").slice(0, 200);
    if (!findings.has(signature)) findings.set(signature, { what, cases });
  };

  while ((keepGoing || findings.size === 0) && !isOver(next - firstCase)) {
    const batch = Array.from({ length: batchSize }, () => ({ number: next, fuzzCase: caseOf(seed, next++, seeds) }));
    const judged = await runBatch(watched, batch, answerLimitMs);
    for (const { numbered, answer, tookMs } of judged) {
      const kind = answer.kind === "http" ? String(answer.status) : answer.kind;
      answers.set(kind, (answers.get(kind) ?? 0) + 1);
      const isSlowest = numbered.fuzzCase.kind === "body" && tookMs > slowest.ms;
      if (isSlowest) slowest = { number: numbered.number, ms: tookMs };
    }
    const isSound = await lookAt(options, watched, batch, judged, found);
    onBatch?.(report());
    if (!isSound && keepGoing) watched = await startWatched(start);
  }
  await watched.target.stop();
  return report();
}

/** False when the target can't be used any more. */
async function lookAt(
  { start, answerLimitMs }: FuzzOptions,
  { target, health }: Watched,
  batch: readonly Numbered[],
  judged: readonly Judged[],
  found: (what: string, cases: readonly Numbered[]) => void,
): Promise<boolean> {
  const wrong = judged.filter(({ what }) => what !== undefined);
  for (const { what = "", numbered } of wrong.filter((entry) => !isShared(entry))) {
    found(withStack(what, target), [numbered]);
  }
  const shared = wrong.filter(isShared);
  const problems = target.ended() === undefined && shared.length === 0 ? await health.check() : [];
  const grown = problems.length === 0 && target.ended() === undefined ? health.growth() : [];
  for (const problem of grown) found(problem, []);
  const end = endOf(target);
  const what = end ?? problems[0] ?? shared[0]?.what;
  if (what === undefined && grown.length === 0) return true;
  await target.stop();
  if (what === undefined) return false;
  const suspects = end === undefined && shared.length > 0 ? shared.map(({ numbered }) => numbered) : batch;
  const isSlowAlone =
    end === undefined && problems.length === 0 && shared.every(({ answer }) => answer.kind !== "none");
  const guilty = await blame(start, suspects, answerLimitMs);
  if (guilty) found(guilty.what, [guilty.suspect]);
  // What was slow once, on a busy machine, is none.
  else if (!isSlowAlone) found(`${what} (by no case alone)`, suspects);
  return false;
}

/** Another case may be to blame, which was sent at the same time. */
function isShared({ answer, tookMs }: Judged): boolean {
  return answer.kind === "none" || tookMs > SLOW_MS;
}

async function runBatch(
  { target }: Watched,
  batch: readonly Numbered[],
  answerLimitMs: number | undefined,
): Promise<readonly Judged[]> {
  const judged: Judged[] = [];
  let isHopeless = false;
  const work = async (queue: Numbered[]): Promise<void> => {
    const sender = createSender(target, answerLimitMs);
    for (let numbered = queue.shift(); numbered !== undefined && !isHopeless; numbered = queue.shift()) {
      const beganMs = performance.now();
      const answer = await sender.send(numbered.fuzzCase);
      const tookMs = performance.now() - beganMs;
      judged.push({ numbered, answer, tookMs, what: judge(numbered.fuzzCase, answer, tookMs) });
      isHopeless ||= target.ended() !== undefined || (answer.kind === "none" && answer.reason === TIMED_OUT);
    }
    sender.close();
  };
  const bodies = batch.filter(({ fuzzCase }) => fuzzCase.kind === "body");
  const raws = batch.filter(({ fuzzCase }) => fuzzCase.kind === "raw");
  await Promise.all([
    ...Array.from({ length: BODY_LANES }, () => work(bodies)),
    ...Array.from({ length: RAW_LANES }, () => work(raws)),
  ]);
  return judged;
}
