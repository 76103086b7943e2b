/**
 * The bench: `npm run bench` (options: options.ts). Each server in turn on one core, the load on another, several rounds in
 * turns, and what comes out is held against a bare node:https server on the same Node, which parses the body and answers a
 * constant. A wrong answer ends it.
 *
 * It takes Linux (it reads /proc), about fifteen minutes, and the bundles in dist. With two cores and taskset everything is pinned.
 * Where Go is on the PATH, a bare webhook in Go takes part; where a control plane is to be had (CONTRIBUTING.md), creates
 * through a real API server; with --pepr, Pepr. What is left out is said. Other work on the machine spoils throughput and
 * latency much, the ratio of CPU times little.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { findAssets } from "../support/control-plane/find-assets.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { medianRatio } from "./figures.ts";
import { type LoadProcess, startLoadProcess } from "./load-process.ts";
import { type BenchOptions, type PartId, readOptions, USAGE } from "./options.ts";
import {
  formatMarkdown,
  formatText,
  replaceFigures,
  type Table,
  tableOfApiServer,
  tableOfScenario,
  tableOfStartUp,
  tableOfTargets,
} from "./report.ts";
import { playRounds, type ScenarioResult } from "./rounds.ts";
import { makeScenarios, type Scenario } from "./scenarios.ts";
import { measureStartUp, type StartUpResult } from "./start-up.ts";
import { isFarOff, TARGETS } from "./targets.ts";
import { measureThroughApiServer, type ThroughApiServer } from "./through-api-server.ts";
import { prepareWorkbench, type Workbench } from "./workbench.ts";

const PAGE = new URL("../../docs/benchmarks.md", import.meta.url);
/** A start is over in a moment, and varies. */
const STARTS_A_ROUND = 2;
const CREATES_A_ROUND = 150;

interface Figures {
  scenarios: Map<string, ScenarioResult>;
  startUp?: StartUpResult;
  apiServer?: ThroughApiServer;
}

function print(text: string): void {
  process.stdout.write(text);
}

async function run(options: BenchOptions, bench: Workbench, load: LoadProcess): Promise<number> {
  const { parts, short, pace } = options;
  const scenarios = makeScenarios(bench, { peers: !short, policyCounts: short ? [3, 1000] : [3, 1, 10, 100, 1000] });
  const figures: Figures = { scenarios: new Map() };
  const notes = notesOf(options, bench);
  const tables = new Map<PartId, Table>();
  print(notes.map((note) => `${note}\n`).join(""));
  for (const part of parts) {
    let table = await measure(part);
    // Noise comes and goes.
    if (short && table && farOff([part]).length > 0) table = await measure(part);
    if (!table) continue;
    tables.set(part, table);
    print(formatText(table));
  }
  const targets = tableOfTargets(figures, parts);
  print(formatText(targets));
  const markdown = [
    ...notes.map((note) => `- ${note}\n`),
    "\n",
    [targets, ...tables.values()].map(formatMarkdown).join("\n"),
  ].join("");
  if (options.markdown) print(`\n${markdown}`);
  if (options.docs) writeFileSync(PAGE, replaceFigures(readFileSync(PAGE, "utf8"), markdown));
  if (!short) return 0;
  const lines = farOff(parts).map((line) => `far off its target: ${line}\n`);
  print(lines.length === 0 ? "\nno ratio is far off its target\n" : `\n${lines.join("")}`);
  return lines.length === 0 ? 0 : 1;

  /** Undefined where it can't be measured, which the notes say. */
  async function measure(part: PartId): Promise<Table | undefined> {
    if (part === "start-up") {
      figures.startUp = await measureStartUp(bench, pace.rounds * STARTS_A_ROUND);
      return tableOfStartUp(figures.startUp);
    }
    if (part === "api-server") {
      const assets = findAssets(process.env, describeThisMachine());
      if (!assets.found) return undefined;
      figures.apiServer = await measureThroughApiServer(bench, assets.path, pace.rounds, CREATES_A_ROUND);
      return tableOfApiServer(figures.apiServer);
    }
    const result = await playRounds(bench, load, scenarioOf(scenarios, part), pace);
    figures.scenarios.set(part, result);
    return tableOfScenario(result);
  }

  function farOff(of: readonly PartId[]): readonly string[] {
    return TARGETS.filter(({ part }) => of.includes(part)).flatMap((target) => {
      const sides = target.measure(figures);
      if (sides && !isFarOff(target, sides)) return [];
      const value = sides ? medianRatio(sides.own, sides.baseline).toFixed(2) : "not measured";
      return [`${target.figure}: ${value}, the target is ${target.target}`];
    });
  }
}

function scenarioOf(scenarios: readonly Scenario[], part: PartId): Scenario {
  const scenario = scenarios.find(({ id }) => id === part);
  if (!scenario) throw new Error(`${part} is no scenario`);
  return scenario;
}

/** How it was measured, and what is left out. */
function notesOf({ parts, short, pace }: BenchOptions, { cores, go, peprDirectory }: Workbench): readonly string[] {
  const { rounds, seconds, warmUpSeconds } = pace;
  const machine = cpus();
  const notes = [
    `Node ${process.version} on ${machine.length} x ${machine[0]?.model.trim()}, ${new Date().toISOString().slice(0, 10)}`,
    cores.note,
    `rounds: ${rounds}; ${seconds} s of each server in turns of half a second, after ${warmUpSeconds} s of warm-up`,
  ];
  if (parts.includes("start-up")) notes.push(`${rounds * STARTS_A_ROUND} starts of each program, in turns`);
  if (parts.includes("api-server")) notes.push(`${CREATES_A_ROUND} creates a round and way, one at a time, in turns`);
  if (parts.includes("validate") && !short) {
    if ("reason" in go) notes.push(`without Go: ${go.reason}`);
    notes.push(peprDirectory === undefined ? "without Pepr: no --pepr" : `Pepr ${peprVersion(peprDirectory)}`);
  }
  if (parts.includes("api-server")) {
    const assets = findAssets(process.env, describeThisMachine());
    if (!assets.found) notes.push(`without an API server: ${assets.reason}`);
  }
  return notes;
}

function peprVersion(directory: string): string {
  return JSON.parse(readFileSync(join(directory, "node_modules/pepr/package.json"), "utf8")).version;
}

function readArguments(): BenchOptions {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${USAGE}`);
  }
}

async function main(): Promise<void> {
  const options = readArguments();
  const bench = prepareWorkbench(options);
  const load = startLoadProcess(bench.cores.load);
  try {
    process.exitCode = await run(options, bench, load);
  } finally {
    await load.stop();
    bench.remove();
  }
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
});
