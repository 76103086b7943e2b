/**
 * One round of the keeper: our CA is brought back where it is missing, and a certificate that is due gets a successor.
 * Whatever the order of events, the CA is in the bundles before its certificate is served, and for a while after.
 */
import { webhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import { readCurrentPair } from "../certificates/emptydir-store.ts";
import { FIELD_MANAGER, type InitContext } from "../run.ts";
import { createHealer } from "./heal.ts";
import { countPatches, type KeeperMetrics } from "./metrics.ts";
import { renewCertificate } from "./renewal.ts";

/** The server has long loaded the new certificate by then: it looks every ten seconds. */
const KEEP_OLD_CA_MS = 10 * 60 * 1000;

/** Whatever fails is logged and counted, and the next round tries again: the promise never rejects. */
export function createRound(context: InitContext, metrics: KeeperMetrics): () => Promise<void> {
  const { config, connection, store, clock, logger } = context;
  const { service, namespace, certDir } = config;
  const configurations = countPatches(webhookConfigurations(connection, FIELD_MANAGER), metrics);
  const heal = createHealer(context, configurations, metrics);
  // At the latest: a keeper that starts again doesn't know.
  let servedSince = clock.now();

  async function renewIfDue(servedCertPem: string | undefined): Promise<void> {
    const pair = await store.obtain();
    if (pair.certPem === servedCertPem) return;
    try {
      await renewCertificate(context, configurations, pair);
    } catch (error) {
      metrics.renewalEnded("failed");
      throw error;
    }
    metrics.renewalEnded("renewed");
    servedSince = clock.now();
  }

  return async () => {
    let healthy = true;
    try {
      const served = readCurrentPair(certDir);
      if (served) {
        const isOldCaUnused = clock.now().getTime() - servedSince.getTime() > KEEP_OLD_CA_MS;
        const podUid = isOldCaUnused ? config.podUid : undefined;
        healthy = await heal({ service, namespace, podUid, caPem: served.caPem });
      }
      // Where a bundle can't be written to, a new CA can't get there either.
      if (healthy) await renewIfDue(served?.certPem);
    } catch (error) {
      healthy = false;
      logger.error({ err: error }, "a round of the keeper failed; what is being served stays");
    }
    metrics.roundEnded(healthy ? "ok" : "failed");
  };
}
