/** What the scripted API server holds: webhook configurations with a resourceVersion, and strategic merge by webhook name. */
import type { ConfigurationKind } from "../../src/registration/configuration.ts";

/** Any field that Kubernetes has, or will have one day, is kept. */
export interface StoredConfiguration {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string; readonly [field: string]: unknown };
  readonly webhooks?: readonly StoredWebhook[];
  readonly [field: string]: unknown;
}

export interface StoredWebhook {
  readonly name: string;
  readonly clientConfig: { readonly caBundle?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface ConfigurationStore {
  get(kind: ConfigurationKind, name: string): StoredConfiguration | undefined;
  /** Creates or replaces, whatever was there. */
  put(kind: ConfigurationKind, configuration: StoredConfiguration): StoredConfiguration;
  delete(kind: ConfigurationKind, name: string): void;
  create(kind: ConfigurationKind, configuration: StoredConfiguration): StoredConfiguration | "exists";
  patch(kind: ConfigurationKind, name: string, patch: object): StoredConfiguration | "missing" | "stale";
}

export function createStore(): ConfigurationStore {
  const objects = new Map<string, StoredConfiguration>();
  let version = 0;
  const get: ConfigurationStore["get"] = (kind, name) => objects.get(`${kind}/${name}`);
  const put: ConfigurationStore["put"] = (kind, configuration) => {
    version++;
    const metadata = { ...configuration.metadata, resourceVersion: String(version) };
    const stored = { ...configuration, metadata };
    objects.set(`${kind}/${metadata.name}`, stored);
    return stored;
  };
  return {
    get,
    put,
    delete(kind, name) {
      objects.delete(`${kind}/${name}`);
    },
    create(kind, configuration) {
      return get(kind, configuration.metadata.name) ? "exists" : put(kind, configuration);
    },
    patch(kind, name, patch) {
      const current = get(kind, name);
      if (!current) return "missing";
      const patched = mergeStrategically(current, patch) as StoredConfiguration;
      if (patched.metadata.resourceVersion !== current.metadata.resourceVersion) return "stale";
      return put(kind, patched);
    },
  };
}

/** Maps merge, null removes, `webhooks` merges by name, every other list is replaced. */
function mergeStrategically(target: unknown, patch: unknown): unknown {
  if (!isMap(target) || !isMap(patch)) return patch;
  const merged = { ...target };
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete merged[field];
    else if (field === "webhooks") merged[field] = mergeByName(target[field], value);
    else merged[field] = mergeStrategically(target[field], value);
  }
  return merged;
}

function mergeByName(targets: unknown, patches: unknown): readonly unknown[] {
  const merged = new Map((targets as readonly StoredWebhook[]).map((webhook) => [webhook.name, webhook]));
  for (const patch of patches as readonly StoredWebhook[]) {
    merged.set(patch.name, mergeStrategically(merged.get(patch.name), patch) as StoredWebhook);
  }
  return [...merged.values()];
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
