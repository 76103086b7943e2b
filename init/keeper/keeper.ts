/**
 * CERT_RENEWAL=keeper: init as a native sidecar, which stays beside the server, renews its certificate and looks after the
 * caBundles. The server starts when the first round is done, and serves on whatever becomes of the keeper.
 */
import { once } from "node:events";
import type { Clock } from "../backoff.ts";
import { type InitContext, runInit } from "../run.ts";
import { createAlertWatch } from "./alerts.ts";
import { serveHealth } from "./health.ts";
import { releaseMemory } from "./memory.ts";
import { createKeeperMetrics } from "./metrics.ts";
import { createRound } from "./round.ts";

const ROUND_INTERVAL_MS = 30_000;
/** Either way, so that the keepers of many Pods don't ask together. */
const JITTER_SHARE = 0.05;
/** Also the debounce: from one alert to the next round, all that follow it are of one cause. */
const ALERT_POLL_MS = 2000;

/**
 * Rejects when the first round fails; after it, resolves when `signal` is aborted and not before. `roundIntervalMs` is for
 * tests.
 */
export async function runKeeper(
  context: InitContext,
  signal: AbortSignal,
  roundIntervalMs = ROUND_INTERVAL_MS,
): Promise<void> {
  const { config, clock, logger } = context;
  const metrics = createKeeperMetrics();
  let hasStarted = false;
  const server = await serveHealth(config.keeperPort, () => hasStarted, metrics.registry);

  async function keep(): Promise<void> {
    await runInit(context);
    releaseMemory();
    hasStarted = true;
    const { keeperPort } = config;
    logger.info({ keeperPort }, "keeping");
    const runRound = createRound(context, metrics);
    const haveAlertsGrown = createAlertWatch(`http://127.0.0.1:${config.healthPort}/metrics`);
    while (!signal.aborted) {
      await runRound();
      await pause(clock, roundIntervalMs, haveAlertsGrown);
    }
  }

  try {
    await Promise.race([keep(), once(signal, "abort")]);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Ends early when clients have refused our certificate. In short sleeps: none is long enough to overflow. */
async function pause(clock: Clock, intervalMs: number, haveAlertsGrown: () => Promise<boolean>): Promise<void> {
  const pauseMs = intervalMs * (1 + JITTER_SHARE * (2 * clock.random() - 1));
  for (let sleptMs = 0; sleptMs < pauseMs; sleptMs += ALERT_POLL_MS) {
    const [haveGrown] = await Promise.all([haveAlertsGrown(), clock.sleep(Math.min(ALERT_POLL_MS, pauseMs - sleptMs))]);
    if (haveGrown) return;
  }
}
