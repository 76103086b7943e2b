import type { WebhookConfigurations } from "../../src/cluster/webhook-configurations.ts";
import { PortcullisError } from "../../src/errors.ts";
import type { ConfigurationKind, LiveConfiguration } from "../../src/registration/configuration.ts";
import { CANARY_WEBHOOK, type DesiredWebhook } from "../../src/registration/desired.ts";
import { compareEntries, isOurs, type ServiceName } from "../../src/registration/difference.ts";
import { describeDifference } from "../../src/registration/difference-lines.ts";
import { planEntriesPatch } from "../../src/registration/entries-patch.ts";
import { type Attempt, retryUntil } from "../backoff.ts";
import type { Patience } from "./waits.ts";

export interface EntryRegistration extends Patience {
  readonly configurations: WebhookConfigurations;
  readonly kind: ConfigurationKind;
  readonly name: string;
  readonly serviceName: ServiceName;
  readonly wanted: readonly DesiredWebhook[];
  /** Only the entry of this name is looked at; nothing is dropped, nothing promoted. */
  readonly only?: string;
  /** For new entries of a configuration that has none of ours to take it from; base64. Asked anew in each try. */
  readonly findCaBundle: () => Promise<string | undefined>;
  /** Writes a line for a person. */
  readonly print: (line: string) => void;
}

/** Makes the entries of a configuration as wanted, in one patch. Throws PortcullisError NO_CONFIGURATION, RBAC or API. */
export async function registerEntries(registration: EntryRegistration): Promise<void> {
  const { deadline, clock, logger, kind, name } = registration;
  const onRetry = (reason: string, delayMs: number) => logger.warn({ kind, name, reason, delayMs }, "trying again");
  await retryUntil(deadline, clock, onRetry, () => tryEntries(registration));
}

async function tryEntries(registration: EntryRegistration): Promise<Attempt<void>> {
  const { configurations, kind, name, serviceName, wanted, only, findCaBundle, print } = registration;
  const live = await configurations.read(kind, name);
  if (!live) {
    if (wanted.length === 0) return { done: undefined };
    throw new PortcullisError("NO_CONFIGURATION", `there is no ${kind} ${name}`);
  }
  if (live.metadata.deletionTimestamp) return { retry: `${kind} ${name} is being deleted` };
  const part = only === undefined ? live : narrow(live, only);
  const difference = compareEntries(part, wanted, serviceName);
  const [foreign] = difference.foreign;
  if (foreign) {
    const service = `${serviceName.namespace}/${serviceName.service}`;
    throw new PortcullisError(
      "FOREIGN_CONFIGURATION",
      `${foreign.name} of ${kind} ${name} does not call the Service ${service}`,
    );
  }
  const patch = planEntriesPatch(part, difference, caBundleOf(live, serviceName) ?? (await findCaBundle()));
  const lines = describeDifference(difference);
  if (only === undefined || patch) {
    for (const line of lines.length > 0 ? lines : ["nothing to change"]) print(`${kind} ${name}: ${line}`);
  }
  if (!patch) return { done: undefined };
  const result = await configurations.patch(kind, name, patch);
  if (result === "patched") return { done: undefined };
  return { retry: `${kind} ${name} was ${result === "gone" ? "deleted" : "changed"} by somebody else` };
}

/** The caBundle that the servers' inits have put into the entries of ours; of the canary, if it can be had. */
export function caBundleOf({ webhooks }: LiveConfiguration, serviceName: ServiceName): string | undefined {
  const ours = webhooks.filter((webhook) => isOurs(webhook, serviceName));
  const canaryFirst = [...ours.filter(({ name }) => name === CANARY_WEBHOOK), ...ours];
  return canaryFirst
    .map(({ clientConfig }) => clientConfig.caBundle)
    .find((caBundle) => caBundle !== undefined && caBundle !== "");
}

function narrow({ metadata, webhooks }: LiveConfiguration, only: string): LiveConfiguration {
  const { name, resourceVersion } = metadata;
  return { metadata: { name, resourceVersion }, webhooks: webhooks.filter((webhook) => webhook.name === only) };
}
