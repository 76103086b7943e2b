/**
 * `npm run fuzz`: see USAGE. Ends with status 1 when something was found, and with files that show it.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startWatched, tryAlone } from "./blame.ts";
import { type Finding, fuzz, type Report } from "./fuzz.ts";
import { readCase, writeCase } from "./fuzz-case.ts";
import { readSeeds, recordedSeeds } from "./seeds.ts";
import { BUNDLE, startTarget } from "./target.ts";

const USAGE = `npm run fuzz -- [OPTION ...]
  --seconds 60      how long, at least
  --seed N          where the cases come from; another one each time, and printed
  --first N         the number of the first case, by default 0
  --keep-going      on after a finding; each sort of them is told once
  --replay FILE     sends a case that was kept, or several in their order, and nothing else\n`;

const OPTIONS = {
  seconds: { type: "string", default: "60" },
  seed: { type: "string" },
  first: { type: "string", default: "0" },
  "keep-going": { type: "boolean", default: false },
  replay: { type: "string", multiple: true },
  help: { type: "boolean", short: "h", default: false },
} as const;
const REPORT_INTERVAL_MS = 10_000;
const MAX_FILES = 50;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function readArguments() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const numbers = { seconds: Number(values.seconds), first: Number(values.first), seed: Number(values.seed ?? 0) };
    for (const [name, value] of Object.entries(numbers)) {
      if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a number, not negative`);
    }
    const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : numbers.seed;
    return { ...numbers, seed, keepGoing: values["keep-going"], replay: values.replay };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

const startServer = () => startTarget(BUNDLE);

async function replay(files: readonly string[]): Promise<number> {
  const watched = await startWatched(startServer);
  let found = 0;
  for (const file of files) {
    const clause = await tryAlone(watched, readCase(readFileSync(file)).fuzzCase);
    print(`${file}: ${clause ?? "nothing found"}`);
    if (clause !== undefined) found++;
    if (watched.target.ended() !== undefined) break;
  }
  await watched.target.stop();
  return found;
}

function summarise({ cases, answers, slowest, health, findings }: Report): string {
  const counts = [...answers].sort().map(([kind, count]) => `${kind}: ${count}`);
  const longest = `slowest ${Math.round(slowest.ms)} ms (case ${slowest.number})`;
  return `${cases} cases, ${findings.length} findings; ${counts.join(", ")}; ${longest}; ${health}`;
}

function keep({ what, cases }: Finding, seed: number, directory: string): void {
  print(`\nFOUND: ${what}`);
  for (const { number, fuzzCase } of cases.slice(0, MAX_FILES)) {
    const file = join(directory, `seed-${seed}-case-${number}.case`);
    writeFileSync(file, writeCase(fuzzCase));
    print(`  seed ${seed}, case ${number}: npm run fuzz -- --replay ${file}`);
  }
}

async function run({ seconds, seed, first, keepGoing }: ReturnType<typeof readArguments>): Promise<number> {
  const seeds = readSeeds();
  print(`seed ${seed}, ${seeds.flat().length} reviews to begin with, ${recordedSeeds().length} of them recorded`);
  let directory: string | undefined;
  const beganMs = performance.now();
  const elapsedMs = () => performance.now() - beganMs;
  let reportedMs = 0;
  let kept = 0;
  const report = await fuzz({
    start: startServer,
    seeds,
    seed,
    firstCase: first,
    keepGoing,
    isOver: () => elapsedMs() > seconds * 1000,
    onBatch(soFar) {
      for (; kept < soFar.findings.length; kept++) {
        const finding = soFar.findings[kept];
        directory ??= mkdtempSync(join(tmpdir(), "portcullis-fuzz-"));
        if (finding) keep(finding, seed, directory);
      }
      if (elapsedMs() - reportedMs < REPORT_INTERVAL_MS) return;
      reportedMs = elapsedMs();
      print(`${Math.round(reportedMs / 1000)} s: ${summarise(soFar)}`);
    },
  });
  print(`\nseed ${seed}, ${Math.round(elapsedMs() / 1000)} s: ${summarise(report)}`);
  return report.findings.length;
}

const args = readArguments();
process.exit((args.replay ? await replay(args.replay) : await run(args)) === 0 ? 0 : 1);
