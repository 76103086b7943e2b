import type { ConfigurationPatch, LiveConfiguration } from "./configuration.ts";
import type { DesiredWebhook } from "./desired.ts";
import type { Difference, Field } from "./difference.ts";
import { clearPendingPromotions } from "./promotion.ts";

/**
 * The one patch that makes a configuration as wanted; undefined when it is. New entries get `caBundle`, base64. Lists inside
 * an entry are replaced, as the API server does with lists that have no merge key; of others and of maps it has to be told.
 */
export function planEntriesPatch(
  live: LiveConfiguration,
  { added, changed, dropped }: Difference,
  caBundle: string | undefined,
): ConfigurationPatch | undefined {
  const webhooks = [
    ...added.map((webhook) => ({
      ...webhook,
      clientConfig: { ...webhook.clientConfig, ...(caBundle === undefined ? {} : { caBundle }) },
    })),
    ...changed.map(({ wanted, fields }) => ({
      name: wanted.name,
      ...Object.fromEntries(fields.map((field) => [field, patchOf(field, wanted)])),
    })),
    ...dropped.map(({ name }) => ({ $patch: "delete", name })),
  ];
  const annotations = clearPendingPromotions(live);
  if (webhooks.length === 0 && Object.keys(annotations).length === 0) return undefined;
  return {
    metadata: { resourceVersion: live.metadata.resourceVersion, ...annotations },
    ...(webhooks.length > 0 ? { webhooks } : {}),
  };
}

function patchOf(field: Field, wanted: DesiredWebhook): unknown {
  // This list has a merge key: without the directive the conditions of before would stay.
  if (field === "matchConditions") return [{ $patch: "replace" }, ...(wanted[field] ?? [])];
  if (field !== "namespaceSelector" && field !== "objectSelector") return wanted[field];
  // Without the directive the labels of before would stay.
  return { $patch: "replace", ...wanted[field] };
}
