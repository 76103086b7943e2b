import type { LiveConfiguration, ManagedFields } from "../../src/registration/configuration.ts";
import { FIELD_MANAGER } from "../run.ts";

/**
 * Who last wrote the caBundle of this webhook, as managedFields tells it. A caBundle that was taken out altogether has no
 * owner any more: then whoever else wrote last. Undefined when nobody else ever did.
 */
export function lastWriterOf({ metadata }: LiveConfiguration, webhookName: string): string | undefined {
  const entries = [...(metadata.managedFields ?? [])].sort((a, b) => timeOf(b) - timeOf(a));
  const owner = entries.find(({ fieldsV1 }) => hasPath(fieldsV1, pathOfBundle(webhookName)));
  const writer = owner ?? entries.find(({ manager }) => manager !== FIELD_MANAGER);
  return writer?.manager;
}

function timeOf({ time }: ManagedFields): number {
  return time === undefined ? 0 : new Date(time).getTime();
}

/** In the words of structured-merge-diff. */
function pathOfBundle(webhookName: string): readonly string[] {
  return ["f:webhooks", `k:${JSON.stringify({ name: webhookName })}`, "f:clientConfig", "f:caBundle"];
}

function hasPath(fields: unknown, path: readonly string[]): boolean {
  const [first, ...rest] = path;
  if (first === undefined) return true;
  return typeof fields === "object" && fields !== null && first in fields
    ? hasPath((fields as Readonly<Record<string, unknown>>)[first], rest)
    : false;
}
