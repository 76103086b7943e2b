/**
 * The Job that makes the cluster's rules follow the policies, after each installation and upgrade: it alone writes rules.
 * By then all servers know the new policies, and a refused canary has shown that calls arrive, so that failing closed
 * refuses nothing but what the policies refuse.
 */
import type { ClusterConnection } from "../../src/cluster/client.ts";
import { webhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import type { RegisterConfig } from "../../src/config.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { CANARY_WEBHOOK, desiredWebhooks } from "../../src/registration/desired.ts";
import type { Logger } from "../../src/telemetry/logger.ts";
import type { Clock } from "../backoff.ts";
import { targetsOf } from "../targets.ts";
import { caBundleOf, registerEntries } from "./entries.ts";
import { waitForCanary, waitForRollout } from "./waits.ts";

const FIELD_MANAGER = "portcullis-register";

export interface RegisterContext {
  readonly config: RegisterConfig;
  readonly policies: readonly Policy[];
  readonly connection: ClusterConnection;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes a line for a person. */
  readonly print: (line: string) => void;
}

/** Throws PortcullisError ROLLOUT, CANARY, NO_CONFIGURATION, FOREIGN_CONFIGURATION, RBAC or API. */
export async function runRegister(context: RegisterContext): Promise<void> {
  const { config, policies, connection, clock, logger, print } = context;
  const { service, namespace, servicePort } = config;
  const patience = { deadline: new Date(clock.now().getTime() + config.deadlineMs), clock, logger };
  const configurations = webhookConfigurations(connection, FIELD_MANAGER);
  // The validating one first: it has the canary, whose caBundle is proven.
  const targets = targetsOf(config).toReversed();

  await waitForRollout(connection, { namespace, name: config.deployment }, patience);

  const serviceName = { service, namespace };
  // For the entries of a configuration that has had none: what the servers' inits have put into the other one by then.
  const findCaBundle = async () => {
    for (const { kind, name } of targets) {
      const live = await configurations.read(kind, name);
      const caBundle = live && caBundleOf(live, serviceName);
      if (caBundle !== undefined) return caBundle;
    }
    return undefined;
  };
  const common = { ...patience, configurations, serviceName, findCaBundle, print };
  const registrations = targets.map(({ phase, kind, name }) => {
    return { ...common, kind, name, wanted: desiredWebhooks(phase, policies, config) };
  });
  const validating = registrations.find(({ kind }) => kind === "ValidatingWebhookConfiguration");
  if (validating) {
    // Lost, or older than the Service's port, it would never be refused. Nobody waits for it: it is for our namespace alone.
    const wanted = validating.wanted.filter(({ name }) => name === CANARY_WEBHOOK);
    await registerEntries({ ...validating, wanted, only: CANARY_WEBHOOK });
    const readConfiguration = () => configurations.read(validating.kind, validating.name);
    await waitForCanary(connection, { ...patience, service, namespace, servicePort, readConfiguration });
  }
  for (const registration of registrations) await registerEntries(registration);
  logger.info("registered");
}
