/**
 * `init.mjs rotate`: new Pods, and with them new certificates. What a CronJob runs with CERT_RENEWAL=restart, well before
 * the certificates expire.
 */
import type { ClusterConnection } from "../src/cluster/client.ts";
import { applyTemplateAnnotations, readRollout } from "../src/cluster/deployments.ts";
import type { RotateConfig } from "../src/config.ts";
import { PortcullisError } from "../src/errors.ts";
import type { Logger } from "../src/telemetry/logger.ts";
import { type Clock, retryUntil } from "./backoff.ts";

/** Of the Deployment's pod template; RFC 3339, in seconds. Another value is another ReplicaSet. */
const ROTATED_AT = "portcullis.dev/rotated-at";

/** Its own, so that whoever applies the Deployment without the annotation does not take it away. */
const FIELD_MANAGER = "portcullis-rotate";

/** Longer outages are for the Job's own retries. */
const DEADLINE_MS = 60_000;

export interface RotateContext {
  readonly config: RotateConfig;
  readonly connection: ClusterConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Ends when the Deployment is written; its controller does the rest. Throws PortcullisError. */
export async function runRotate({ config, connection, clock, logger }: RotateContext): Promise<void> {
  const deployment = { namespace: config.namespace, name: config.deployment };
  const startedAt = clock.now();
  const rotatedAt = startedAt.toISOString().replace(/\.\d+Z$/, "Z");
  await retryUntil(
    new Date(startedAt.getTime() + DEADLINE_MS),
    clock,
    (reason, delayMs) => logger.warn({ reason, delayMs }, "trying again"),
    async () => {
      // To the API server, an apply to what isn't there is a creation that lacks fields.
      if (!(await readRollout(connection, deployment))) {
        throw new PortcullisError(
          "DEPLOYMENT",
          `there is no Deployment "${deployment.name}" in namespace "${deployment.namespace}"`,
        );
      }
      await applyTemplateAnnotations(connection, deployment, { [ROTATED_AT]: rotatedAt }, FIELD_MANAGER);
      return { done: true };
    },
  );
  logger.info({ deployment, rotatedAt }, "the Deployment replaces its Pods");
}
