/**
 * What the init container does, once: certificates into CERT_DIR, our CA into the webhook configurations, and then a
 * pause in which every API server hears of it. The server container starts only after that, so no call can reach a
 * certificate that isn't trusted yet.
 */
import type { ClusterConnection } from "../src/cluster/client.ts";
import { readOwnerClusterRole } from "../src/cluster/clusterroles.ts";
import { type WebhookConfigurations, webhookConfigurations } from "../src/cluster/webhook-configurations.ts";
import type { InitConfig } from "../src/config.ts";
import type { Policy } from "../src/policy/policy.ts";
import { policyHash } from "../src/policy/policy-hash.ts";
import { desiredWebhooks, registrationHash } from "../src/registration/desired.ts";
import type { Logger } from "../src/telemetry/logger.ts";
import { writePair } from "../src/tls/files.ts";
import { type Clock, retryUntil } from "./backoff.ts";
import { createLivePodLister } from "./ca/live-pods.ts";
import { registerCa } from "./ca/register-ca.ts";
import { writeRegistration } from "./ca/registration-file.ts";
import { readCurrentPair } from "./certificates/emptydir-store.ts";
import { clockSkewMs, isSkewWorthMentioning } from "./certificates/issue.ts";
import type { CertificateStore } from "./certificates/store.ts";
import { targetsOf } from "./targets.ts";

export const FIELD_MANAGER = "portcullis-init";

export interface InitContext {
  readonly config: InitConfig;
  readonly policies: readonly Policy[];
  readonly connection: ClusterConnection;
  readonly store: CertificateStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

export async function runInit(context: InitContext): Promise<void> {
  const { config, connection, store, clock, logger } = context;
  const deadline = new Date(clock.now().getTime() + config.deadlineMs);
  const configurations = webhookConfigurations(connection, FIELD_MANAGER);
  const onRetry = (reason: string, delayMs: number) =>
    logger.warn({ reason, delayMs }, "the API server doesn't answer yet");

  // Asked first, so that the certificates can be dated by the API server's clock too.
  await retryUntil(deadline, clock, onRetry, async () => {
    for (const { kind, name } of targetsOf(config)) await configurations.read(kind, name);
    return { done: true };
  });
  warnOfSkew(context);

  const present = readCurrentPair(config.certDir);
  const pair = await retryUntil(deadline, clock, onRetry, async () => ({ done: await store.obtain() }));
  const isNew = pair.certPem !== present?.certPem;
  const putInPlace = () => {
    writePair(config.certDir, pair, clock.now());
    const { certDir, podName, podUid } = config;
    logger.info({ certDir, podName, podUid }, "certificates written");
  };
  // Nobody can serve anything yet, and a CERT_DIR that can't be written to ends init before a configuration is touched.
  if (!present) putInPlace();
  const register = () => registerEverywhere(context, configurations, pair.caPem, deadline);
  const written = await register();
  // A CA that another Pod has just registered, with a pair that is shared, needs the pause too.
  const settleMs = isNew || written ? config.caSettleMs : 0;
  if (settleMs > 0) await clock.sleep(settleMs);
  // `register` may have read a caBundle of before ours, and put it into a new entry of the other configuration since.
  if (written && (await register())) await clock.sleep(config.caSettleMs);
  // The server of a keeper that starts again is still serving what was there.
  if (present && isNew) putInPlace();
  logger.info({ written, settleMs }, "done");
}

function warnOfSkew({ connection, clock, logger }: InitContext): void {
  const skewMs = clockSkewMs(clock.now(), connection.serverDate());
  if (skewMs !== undefined && isSkewWorthMentioning(skewMs)) {
    logger.warn({ skewSeconds: Math.round(skewMs / 1000) }, "this node's clock differs from the API server's");
  }
}

/** Creates what is missing. Returns whether anything was written. */
async function registerEverywhere(
  context: InitContext,
  configurations: WebhookConfigurations,
  caPem: string,
  deadline: Date,
): Promise<boolean> {
  const { config, policies, connection, clock, logger } = context;
  const { service, namespace, firstInstall, ownerClusterRole } = config;
  const podUid = config.certRenewal === "keeper" ? undefined : config.podUid;
  const own = { service, namespace, podUid, caPem };
  const pods = await createLivePodLister(context)();
  const readOwner = async () =>
    ownerClusterRole === undefined ? undefined : readOwnerClusterRole(connection, ownerClusterRole);
  const names: string[] = [];
  let written = false;
  for (const { phase, kind, name } of targetsOf(config)) {
    const webhooks = desiredWebhooks(phase, policies, config);
    names.push(...webhooks.map((webhook) => webhook.name));
    const creation = { webhooks, firstInstall, readOwner };
    const common = { configurations, own, pods, serverDate: connection.serverDate, deadline, clock, logger };
    written = (await registerCa({ ...common, kind, name, creation })) || written;
  }
  writeRegistration(config.certDir, {
    policyHash: policyHash(policies),
    registrationHash: registrationHash(policies),
    namespace,
    webhooks: names,
  });
  return written;
}
