import type { WebhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import { PortcullisError } from "../../src/errors.ts";
import {
  type ConfigurationKind,
  type LiveConfiguration,
  newConfiguration,
  type OwnerReference,
} from "../../src/registration/configuration.ts";
import type { DesiredWebhook } from "../../src/registration/desired.ts";
import { type LivePods, type OwnCa, planCaMerge } from "../../src/registration/plan.ts";
import type { Logger } from "../../src/telemetry/logger.ts";
import { type Attempt, type Clock, retryUntil } from "../backoff.ts";
import { pruningTime } from "./pruning-time.ts";

export interface CaRegistration {
  readonly configurations: WebhookConfigurations;
  readonly kind: ConfigurationKind;
  readonly name: string;
  /** How the configuration is made where there is none. Absent: it is left missing. */
  readonly creation?: Creation;
  readonly own: OwnCa;
  readonly pods?: LivePods | undefined;
  /** Of the API server's latest answer. */
  readonly serverDate: () => Date | undefined;
  readonly deadline: Date;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Hears of every read, the last of which shows our CA. */
  readonly onRead?: (live: LiveConfiguration | undefined) => void;
}

export interface Creation {
  readonly webhooks: readonly DesiredWebhook[];
  readonly firstInstall: "promote" | "fail";
  /** Asked only when there is something to create. */
  readonly readOwner: () => Promise<OwnerReference | undefined>;
}

/**
 * Brings our CA into every webhook of a configuration that calls our Service: creates the configuration when there is
 * none, else merges. Ends only after a read that shows the CA, so that a writer that replaces what it finds is noticed.
 * Returns whether anything was written.
 */
export async function registerCa(registration: CaRegistration): Promise<boolean> {
  const { kind, name, clock, logger } = registration;
  const onRetry = (reason: string, delayMs: number) => logger.warn({ kind, name, reason, delayMs }, "trying again");
  let written = false;
  await retryUntil(registration.deadline, clock, onRetry, async () => {
    let step = await takeStep(registration);
    if (step === "written") {
      written = true;
      step = await takeStep(registration);
    }
    return step === "written" ? { retry: `${kind} ${name} did not keep the caBundle that we wrote` } : step;
  });
  return written;
}

type Step = "written" | Attempt<true>;

async function takeStep(registration: CaRegistration): Promise<Step> {
  const { configurations, kind, name, creation, own, pods, serverDate, clock, logger, onRead } = registration;
  const live = await configurations.read(kind, name);
  onRead?.(live);
  if (!live) return creation ? await create(registration, creation) : { done: true };
  if (live.metadata.deletionTimestamp) return creation ? { retry: `${kind} ${name} is being deleted` } : { done: true };
  const plan = planCaMerge(live, own, pruningTime(clock, serverDate), pods);
  switch (plan.kind) {
    case "unchanged":
      if (live.webhooks.length === 0 && creation && creation.webhooks.length > 0) {
        logger.warn({ kind, name }, "the configuration has no webhook, so nothing is enforced; register adds them");
      }
      return { done: true };
    case "foreign":
      // Our last webhook has gone with the last policy, and others share the configuration.
      if (creation?.webhooks.length === 0) return { done: true };
      throw new PortcullisError(
        "FOREIGN_CONFIGURATION",
        `${kind} ${name} exists, but none of its webhooks calls the Service ${own.namespace}/${own.service}`,
      );
    case "patch": {
      const result = await configurations.patch(kind, name, plan.patch);
      if (result === "conflict") return { retry: `${kind} ${name} was changed by somebody else` };
      if (result === "gone") return { retry: `${kind} ${name} has been deleted` };
      logger.info({ kind, name, webhooks: plan.patch.webhooks.map((webhook) => webhook.name) }, "caBundle merged");
      return "written";
    }
  }
}

async function create({ configurations, kind, name, own, logger }: CaRegistration, creation: Creation): Promise<Step> {
  const { webhooks, firstInstall, readOwner } = creation;
  const { service, namespace } = own;
  const caBundle = Buffer.from(own.caPem).toString("base64");
  const owner = await readOwner();
  const order = { kind, name, service, namespace, webhooks, caBundle, firstInstall, owner };
  const result = await configurations.create(newConfiguration(order));
  // Another replica was first: merge into what it made.
  if (result === "exists") return { retry: `${kind} ${name} was created by somebody else` };
  logger.info({ kind, name, webhooks: webhooks.map((webhook) => webhook.name), firstInstall }, "configuration created");
  return "written";
}
