/** A keeper in this process, on a scripted API server and a clock that passes while somebody sleeps. */
import { createKeeperMetrics } from "../../init/keeper/metrics.ts";
import { createRound } from "../../init/keeper/round.ts";
import { type InitContext, runInit } from "../../init/run.ts";
import { readInitConfig } from "../../src/config.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { contextOf, createFakeClock, ENVIRONMENT, type FakeClock, type LogLine, makeDirectory } from "./init-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

export interface PreparedKeeper {
  readonly context: InitContext;
  readonly clock: FakeClock;
  readonly certDir: string;
  readonly logLines: LogLine[];
}

export interface StartedKeeper extends PreparedKeeper {
  runRound(): Promise<void>;
  /** A sample of the keeper's metrics, by its text without the value. */
  sample(name: string): Promise<number | undefined>;
}

/** The API server's clock follows the keeper's. */
export function prepareKeeper(api: ScriptedApi, env: Readonly<Record<string, string>> = {}): PreparedKeeper {
  const certDir = makeDirectory();
  const clock = createFakeClock();
  api.setClock(clock.now);
  const settings = { ...ENVIRONMENT, CERT_DIR: certDir, KUBECONFIG: api.kubeconfig, CERT_RENEWAL: "keeper", ...env };
  const logLines: LogLine[] = [];
  const logger = createLogger("init", "trace", { write: (line) => logLines.push(JSON.parse(line)) });
  return { context: contextOf(readInitConfig(settings), clock, logger), clock, certDir, logLines };
}

/** With its first round done, and nothing in the log. */
export async function startKeeper(api: ScriptedApi, env?: Readonly<Record<string, string>>): Promise<StartedKeeper> {
  const prepared = prepareKeeper(api, env);
  await runInit(prepared.context);
  prepared.logLines.length = 0;
  return { ...prepared, ...beginRounds(prepared.context) };
}

/** As a keeper does after its first round, or one that has been started again. */
export function beginRounds(context: InitContext): Pick<StartedKeeper, "runRound" | "sample"> {
  const metrics = createKeeperMetrics();
  return {
    runRound: createRound(context, metrics),
    async sample(name) {
      const lines = (await metrics.registry.metrics()).split("\n");
      const value = lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
      return value === undefined ? undefined : Number(value);
    },
  };
}
