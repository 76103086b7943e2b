/** The rounds of a scenario: all contestants on new processes, asked in turns, for half a second each. */
import { quantile } from "./figures.ts";
import type { LoadResult } from "./load.ts";
import type { LoadProcess } from "./load-process.ts";
import { readMemoryMib } from "./process-usage.ts";
import type { Contestant, Scenario } from "./scenarios.ts";
import { type RunningServer, startServer } from "./server-process.ts";
import type { Workbench } from "./workbench.ts";

export interface Pace {
  readonly rounds: number;
  /** Of each contestant before it is measured, so that V8 has compiled what it compiles. */
  readonly warmUpSeconds: number;
  /** Measured of each contestant in a round. */
  readonly seconds: number;
}

/** A contestant in a round. */
export interface Run {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Of the server, user and system. */
  readonly cpuMicrosecondsAnAnswer: number;
  /** 1: the load has used all of its core, and the figures are its own. */
  readonly loadCpuShare: number;
  /** After the load. */
  readonly residentMib: number;
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  /** A run a round, by the contestant's name; in the order of the contestants. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
}

/** A machine that slows down for some seconds slows down everybody's turns. */
const TURN_SECONDS = 0.5;
/** For the connections of a turn to open. */
const RUN_UP_SECONDS = 0.1;

interface Entrant {
  readonly contestant: Contestant;
  readonly server: RunningServer;
  readonly turns: LoadResult[];
  residentMib: number;
}

export async function playRounds(
  bench: Workbench,
  load: LoadProcess,
  scenario: Scenario,
  pace: Pace,
): Promise<ScenarioResult> {
  const runs = new Map<string, Run[]>(scenario.contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < pace.rounds; round++) {
    for (const { contestant, turns, residentMib } of await playRound(bench, load, scenario, pace)) {
      runs.get(contestant.name)?.push({ ...summarise(turns), residentMib });
    }
  }
  return { scenario, runs };
}

async function playRound(
  bench: Workbench,
  load: LoadProcess,
  scenario: Scenario,
  { warmUpSeconds, seconds }: Pace,
): Promise<readonly Entrant[]> {
  const entrants: Entrant[] = [];
  try {
    for (const contestant of scenario.contestants) {
      const { server, path = scenario.path } = contestant;
      const started = await startServer(bench, server, { path, body: scenario.body });
      entrants.push({ contestant, server: started, turns: [], residentMib: 0 });
    }
    for (const entrant of entrants) await ask(entrant, warmUpSeconds, RUN_UP_SECONDS);
    const order = [...entrants];
    for (let left = seconds; left > 0; left -= TURN_SECONDS) {
      for (const entrant of order) {
        entrant.turns.push(await ask(entrant, RUN_UP_SECONDS, Math.min(left, TURN_SECONDS)));
        entrant.residentMib = readMemoryMib(entrant.server.pid).resident;
      }
      order.reverse();
    }
    return entrants;
  } finally {
    for (const { server } of entrants) await server.stop();
  }

  async function ask({ contestant, server }: Entrant, warmUp: number, measured: number): Promise<LoadResult> {
    const { name, expected, path = scenario.path } = contestant;
    const { caPem, servername } = bench;
    const { body, connections } = scenario;
    const { port, pid: serverPid } = server;
    const times = { warmUpSeconds: warmUp, seconds: measured };
    const result = await load.run({ caPem, servername, path, body, connections, expected, port, serverPid, ...times });
    const wrong = Object.entries(result.wrong).map(([problem, count]) => `${count} x ${problem}`);
    if (wrong.length > 0) throw new Error(`${scenario.id}: ${name} answers wrongly: ${wrong.join("; ")}`);
    return result;
  }
}

function summarise(turns: readonly LoadResult[]): Omit<Run, "residentMib"> {
  const sum = (read: (turn: LoadResult) => number) => turns.reduce((total, turn) => total + read(turn), 0);
  const sorted = Float64Array.from(turns.flatMap(({ latenciesMs }) => latenciesMs)).sort();
  const seconds = sum((turn) => turn.seconds);
  return {
    perSecond: sorted.length / seconds,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    p999Ms: quantile(sorted, 0.999),
    cpuMicrosecondsAnAnswer: (sum((turn) => turn.serverCpuSeconds) * 1e6) / sorted.length,
    loadCpuShare: sum((turn) => turn.loadCpuSeconds) / seconds,
  };
}
