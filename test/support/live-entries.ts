/** Webhook configurations as the API server gives them, in the parts that tests of register look at. */

// biome-ignore lint/suspicious/noExplicitAny: a configuration as the API server gives it
export type Configuration = any;

export function byName({ webhooks }: Configuration, name: string): Configuration {
  return webhooks.find((webhook: Configuration) => webhook.name === name);
}

export function failurePolicies({ webhooks }: Configuration): Record<string, string> {
  return Object.fromEntries(webhooks.map(({ name, failurePolicy }: Configuration) => [name, failurePolicy]));
}

export function withoutBundles({ webhooks }: Configuration): Configuration[] {
  return structuredClone(webhooks).map((webhook: Configuration) => {
    delete webhook.clientConfig.caBundle;
    return webhook;
  });
}

/** In no order, which means nothing to the API server. */
export function webhooksOf(configuration: Configuration): ReadonlyMap<string, Configuration> {
  return new Map(withoutBundles(configuration).map((webhook) => [webhook.name, webhook]));
}
