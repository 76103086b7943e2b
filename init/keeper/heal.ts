import type { WebhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import type { LiveConfiguration } from "../../src/registration/configuration.ts";
import { inspectBundles, type OwnCa } from "../../src/registration/plan.ts";
import { createLivePodLister } from "../ca/live-pods.ts";
import { registerCa } from "../ca/register-ca.ts";
import type { InitContext } from "../run.ts";
import { type Target, targetsOf } from "../targets.ts";
import { lastWriterOf } from "./last-writer.ts";
import type { KeeperMetrics } from "./metrics.ts";

/** For each configuration; less than the time between two rounds. */
export const WRITE_DEADLINE_MS = 20_000;

/**
 * Brings a CA back into every configuration that lacks it, and takes out those that serve nobody. A configuration that is
 * missing is left missing: at run time somebody has deleted it on purpose. Resolves with whether all could be looked after.
 */
export type Healer = (own: OwnCa) => Promise<boolean>;

export function createHealer(
  context: InitContext,
  configurations: WebhookConfigurations,
  metrics: KeeperMetrics,
): Healer {
  const { config, connection, clock, logger } = context;
  const { serverDate } = connection;
  const targets = targetsOf(config);
  const listLivePods = createLivePodLister(context);
  const missing = new Set<Target>();

  function observe(target: Target, own: OwnCa, live: LiveConfiguration | undefined, isFirstRead: boolean): void {
    const { kind, name } = target;
    if (!live) {
      metrics.bundles(kind, name, { trusted: false, certificates: 0 });
      if (!missing.has(target)) logger.error({ kind, name }, "the configuration is gone, and is not created again");
      missing.add(target);
      return;
    }
    missing.delete(target);
    const bundles = inspectBundles(live, own);
    const lost = bundles.filter(({ hasOwnCa }) => !hasOwnCa).map(({ webhookName }) => webhookName);
    const isForeign = bundles.length === 0 && live.webhooks.length > 0;
    metrics.bundles(kind, name, {
      trusted: lost.length === 0 && !isForeign,
      certificates: Math.max(0, ...bundles.map(({ certificateCount }) => certificateCount)),
    });
    const [first] = lost;
    if (first === undefined || !isFirstRead) return;
    const lastWriter = lastWriterOf(live, first) ?? "unknown";
    logger.warn({ kind, name, webhooks: lost, lastWriter }, "our CA was missing from the caBundle");
  }

  return async (own) => {
    const pods = await listLivePods();
    let healthy = true;
    for (const target of targets) {
      const { kind, name } = target;
      const deadline = new Date(clock.now().getTime() + WRITE_DEADLINE_MS);
      let isFirstRead = true;
      const onRead = (live: LiveConfiguration | undefined) => {
        observe(target, own, live, isFirstRead);
        isFirstRead = false;
      };
      try {
        await registerCa({ configurations, kind, name, own, pods, serverDate, deadline, clock, logger, onRead });
      } catch (error) {
        healthy = false;
        logger.error({ kind, name, err: error }, "the caBundle could not be looked after");
      }
    }
    return healthy;
  };
}
