/**
 * Kubernetes' vocabulary as plain data: shapes and accessors that every stage and every rule share.
 * Not here: a client, or anything that knows a rule.
 */

/** Label and annotation maps come from other people: read them with `ownValue`, never with `in` or a bare index. */
export type StringMap = Readonly<Record<string, string>>;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly labels?: StringMap | null;
  readonly annotations?: StringMap | null;
  readonly ownerReferences?: readonly OwnerReference[] | null;
  readonly deletionTimestamp?: string | null;
}

/** Any object as the API server sends it. Only `metadata` has been checked (src/admission/decode.ts). */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta | null;
  readonly [field: string]: unknown;
}

export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** `deployments.apps`, `pods`: the way kubectl writes a resource with its group. */
export function groupResource(resource: GroupVersionResource): string {
  return resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
}

/** The value under `key` if the map itself has it: a label named `constructor` is absent unless somebody set it. */
export function ownValue(map: StringMap | null | undefined, key: string): string | undefined {
  return map !== null && map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

export function labelOf(object: KubernetesObject | undefined, key: string): string | undefined {
  return ownValue(object?.metadata?.labels, key);
}

export function annotationOf(object: KubernetesObject | undefined, key: string): string | undefined {
  return ownValue(object?.metadata?.annotations, key);
}

// The three below need not ask whose a field is: of what every object inherits nothing is a string or a list, and one is a record.

/** A field of an unchecked object, when it is a JSON object itself. */
export function recordField(parent: unknown, field: string): Readonly<Record<string, unknown>> | undefined {
  const value = isRecord(parent) ? parent[field] : undefined;
  return isRecord(value) && value !== Object.prototype ? value : undefined;
}

/** The entries of a list field that are JSON objects; empty when there is no such list. */
export function recordList(parent: unknown, field: string): readonly Readonly<Record<string, unknown>>[] {
  const value = isRecord(parent) ? parent[field] : undefined;
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** A string field of an unchecked object; the key may be anybody's. */
export function stringField(parent: unknown, field: string): string | undefined {
  const value = isRecord(parent) ? parent[field] : undefined;
  return typeof value === "string" ? value : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
