/**
 * What the init container does, once: certificates into CERT_DIR, our CA into the webhook configurations, and then a
 * pause in which every API server hears of it. The server container starts only after that, so no call can reach a
 * certificate that isn't trusted yet.
 */
import { randomUUID } from "node:crypto";
import type { ClusterConnection } from "../src/cluster/client.ts";
import { webhookConfigurations } from "../src/cluster/webhook-configurations.ts";
import type { InitConfig } from "../src/config.ts";
import type { Phase, Policy } from "../src/policy/policy.ts";
import type { ConfigurationKind } from "../src/registration/configuration.ts";
import { desiredWebhooks } from "../src/registration/desired.ts";
import type { Logger } from "../src/telemetry/logger.ts";
import { writePair } from "../src/tls/files.ts";
import { type Clock, retryUntil } from "./backoff.ts";
import { clockSkewMs, isSkewWorthMentioning, issueCheckedPair } from "./certificates.ts";
import { registerCa } from "./register-ca.ts";

export interface InitContext {
  readonly config: InitConfig;
  readonly policies: readonly Policy[];
  readonly connection: ClusterConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

export async function runInit({ config, policies, connection, clock, logger }: InitContext): Promise<void> {
  const deadline = new Date(clock.now().getTime() + config.deadlineMs);
  const configurations = webhookConfigurations(connection);
  const targets = targetsOf(config);
  const podUid = config.podUid ?? randomUUID();

  // Asked first, so that the certificates can be dated by the API server's clock too.
  const serverDate = await retryUntil(
    deadline,
    clock,
    (reason, delayMs) => logger.warn({ reason, delayMs }, "the API server doesn't answer yet"),
    async () => {
      for (const { kind, name } of targets) await configurations.read(kind, name);
      return { done: connection.serverDate() };
    },
  );
  const skewMs = clockSkewMs(clock.now(), serverDate);
  if (skewMs !== undefined && isSkewWorthMentioning(skewMs)) {
    logger.warn({ skewSeconds: Math.round(skewMs / 1000) }, "this node's clock differs from the API server's");
  }

  const names = { service: config.service, namespace: config.namespace };
  const pair = issueCheckedPair({
    names,
    podUid,
    keyAlgorithm: config.keyAlgorithm,
    validityMs: config.certValidityMs,
    now: clock.now(),
    serverDate,
  });
  writePair(config.certDir, pair, clock.now());
  logger.info({ certDir: config.certDir, podName: config.podName, podUid }, "certificates written");

  const own = { ...names, podUid, caPem: pair.caPem };
  let written = false;
  for (const { phase, kind, name } of targets) {
    const webhooks = desiredWebhooks(phase, policies, { ...names, ...config });
    const { firstInstall } = config;
    const result = await registerCa({
      configurations,
      kind,
      name,
      webhooks,
      firstInstall,
      own,
      deadline,
      clock,
      logger,
    });
    written = written || result;
  }
  if (written) await clock.sleep(config.caSettleMs);
  logger.info({ written, settleMs: written ? config.caSettleMs : 0 }, "done");
}

interface Target {
  readonly phase: Phase;
  readonly kind: ConfigurationKind;
  readonly name: string;
}

function targetsOf({ mutateConfig, validateConfig }: InitConfig): readonly Target[] {
  return [
    ...(mutateConfig === undefined
      ? []
      : [{ phase: "mutate", kind: "MutatingWebhookConfiguration", name: mutateConfig } as const]),
    ...(validateConfig === undefined
      ? []
      : [{ phase: "validate", kind: "ValidatingWebhookConfiguration", name: validateConfig } as const]),
  ];
}
