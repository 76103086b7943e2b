/**
 * `init.mjs cleanup`: removes the webhook configurations that init has created. Needs no Pod of ours: the API server
 * calls no webhook for a webhook configuration.
 */
import type { ClusterConnection } from "../src/cluster/client.ts";
import { deleteConfiguration, listConfigurations } from "../src/cluster/labelled-configurations.ts";
import type { CleanupConfig } from "../src/config.ts";
import type { Logger } from "../src/telemetry/logger.ts";
import { type Clock, retryUntil } from "./backoff.ts";

/** Longer outages are for the Job's own retries. */
const DEADLINE_MS = 60_000;

export interface CleanupContext {
  readonly config: CleanupConfig;
  readonly connection: ClusterConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Ends only after a list in which there is none any more. Throws PortcullisError. */
export async function runCleanup({ config, connection, clock, logger }: CleanupContext): Promise<void> {
  const { namespace, service } = config;
  const selector = `app.kubernetes.io/name=portcullis,portcullis.dev/namespace=${namespace},portcullis.dev/service=${service}`;
  const deletedUids = new Set<string>();
  await retryUntil(
    new Date(clock.now().getTime() + DEADLINE_MS),
    clock,
    (reason, delayMs) => logger.warn({ reason, delayMs }, "trying again"),
    async () => {
      for (const found of await listConfigurations(connection, selector)) {
        const { kind, name, uid } = found;
        if (deletedUids.has(uid) || (await deleteConfiguration(connection, found)) === "gone") continue;
        deletedUids.add(uid);
        logger.info({ kind, name }, "configuration deleted");
      }
      const left = await listConfigurations(connection, selector);
      if (left.length === 0) return { done: true };
      return { retry: `still there: ${left.map(({ kind, name }) => `${kind} ${name}`).join(", ")}` };
    },
  );
  const deleted = deletedUids.size;
  logger.info({ selector, deleted }, deleted > 0 ? "done" : "nothing to delete: no configuration has these labels");
}
