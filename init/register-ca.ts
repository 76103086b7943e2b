import type { WebhookConfigurations } from "../src/cluster/webhook-configurations.ts";
import { PortcullisError } from "../src/errors.ts";
import { type ConfigurationKind, newConfiguration } from "../src/registration/configuration.ts";
import type { DesiredWebhook } from "../src/registration/desired.ts";
import { type OwnCa, planCaMerge } from "../src/registration/plan.ts";
import type { Logger } from "../src/telemetry/logger.ts";
import { type Attempt, type Clock, retryUntil } from "./backoff.ts";

export interface CaRegistration {
  readonly configurations: WebhookConfigurations;
  readonly kind: ConfigurationKind;
  readonly name: string;
  /** What the configuration is created with, if it has to be. */
  readonly webhooks: readonly DesiredWebhook[];
  readonly firstInstall: "promote" | "fail";
  readonly own: OwnCa;
  readonly deadline: Date;
  readonly clock: Clock;
  readonly logger: Logger;
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
    // Each round writes at most once and the next one reads: only "unchanged" is an end.
    for (;;) {
      const step = await takeStep(registration);
      if (step !== "written") return step;
      written = true;
    }
  });
  return written;
}

async function takeStep(registration: CaRegistration): Promise<"written" | Attempt<true>> {
  const { configurations, kind, name, webhooks, firstInstall, own, clock, logger } = registration;
  const live = await configurations.read(kind, name);
  if (!live) {
    const caBundle = Buffer.from(own.caPem).toString("base64");
    const result = await configurations.create(newConfiguration(kind, name, webhooks, caBundle, firstInstall));
    // Another replica was first: merge into what it made.
    if (result === "exists") return { retry: `${kind} ${name} was created by somebody else` };
    logger.info(
      { kind, name, webhooks: webhooks.map((webhook) => webhook.name), firstInstall },
      "configuration created",
    );
    return "written";
  }
  if (live.metadata.deletionTimestamp) return { retry: `${kind} ${name} is being deleted` };
  const plan = planCaMerge(live, own, clock.now());
  switch (plan.kind) {
    case "unchanged":
      return { done: true };
    case "foreign":
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
