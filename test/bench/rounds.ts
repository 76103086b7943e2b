/** The rounds of a scenario: each contestant in turn, on a new process, and then each again. */
import type { LoadResult } from "./load.ts";
import type { LoadProcess } from "./load-process.ts";
import { readMemoryMib } from "./process-usage.ts";
import type { Contestant, Scenario } from "./scenarios.ts";
import { startServer } from "./server-process.ts";
import type { Workbench } from "./workbench.ts";

export interface Pace {
  readonly rounds: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface Run extends LoadResult {
  /** After the load. */
  readonly residentMib: number;
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  /** A run a round, by the contestant's name; in the order of the contestants. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
}

export async function playRounds(
  bench: Workbench,
  load: LoadProcess,
  scenario: Scenario,
  { rounds, warmUpSeconds, seconds }: Pace,
): Promise<ScenarioResult> {
  const runs = new Map<string, Run[]>(scenario.contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contestant of scenario.contestants) {
      const run = await playOnce(contestant);
      const wrong = Object.entries(run.wrong).map(([problem, times]) => `${times} x ${problem}`);
      if (wrong.length > 0) throw new Error(`${scenario.id}: ${contestant.name} answers wrongly: ${wrong.join("; ")}`);
      runs.get(contestant.name)?.push(run);
    }
  }
  return { scenario, runs };

  async function playOnce({ server, expected, path = scenario.path }: Contestant): Promise<Run> {
    const { body, connections } = scenario;
    const { pid, port, stop } = await startServer(bench, server, { path, body });
    try {
      const { caPem, servername } = bench;
      const order = { port, caPem, servername, path, body, connections, warmUpSeconds, seconds, expected };
      const result = await load.run({ ...order, serverPid: pid });
      return { ...result, residentMib: readMemoryMib(pid).resident };
    } finally {
      await stop();
    }
  }
}
