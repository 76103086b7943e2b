/** A rule's parameters as rows of a table, from its JSON Schema. */
import { oneLine } from "./compact-yaml.ts";
import { code, renderTable } from "./markdown.ts";

interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

interface Param {
  /** `labels[].anyOf`, `owners.*.team`. */
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** Undefined for a rule that takes none. */
export function renderParams(paramsSchema: object): string | undefined {
  const rows = paramsOf(paramsSchema).map(({ path, schema, isRequired }) => [
    code(path),
    typeOf(schema),
    isRequired ? "required" : defaultOf(schema),
    schema.description ?? "",
  ]);
  return rows.length === 0 ? undefined : renderTable(["parameter", "values", "default", "meaning"], rows);
}

function paramsOf(schema: Schema, prefix = ""): readonly Param[] {
  const { properties = {}, required = [], items, additionalProperties } = schema;
  const own = Object.entries(properties).flatMap(([name, property]): readonly Param[] => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    return [{ path, schema: property, isRequired: required.includes(name) }, ...paramsOf(property, path)];
  });
  const ofItems = items ? paramsOf(items, `${prefix}[]`) : [];
  const ofValues = typeof additionalProperties === "object" ? paramsOf(additionalProperties, `${prefix}.*`) : [];
  return [...own, ...ofItems, ...ofValues];
}

/** Text as it is, without the quotes and backslashes that YAML would want. */
function defaultOf({ default: value }: Schema): string {
  if (value === undefined) return "–";
  return code(typeof value === "string" && value !== "" ? value : oneLine(value));
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => code(String(value))).join(", ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.items) return `list of ${pluralOf(schema.items)}`;
  if (typeof schema.additionalProperties === "object") return `map of ${pluralOf(schema.additionalProperties)}`;
  return `${nameOf(schema)}${rangeOf(schema)}`;
}

function pluralOf(schema: Schema): string {
  if (schema.anyOf) return schema.anyOf.map(pluralOf).join(" or ");
  // Values, which have no plural.
  return schema.enum ? typeOf(schema) : `${nameOf(schema)}s`;
}

function nameOf({ type }: Schema): string {
  if (type === "array") return "list";
  return type === "object" ? "map" : (type ?? "value");
}

function rangeOf({ minimum, maximum }: Schema): string {
  if (minimum === undefined) return maximum === undefined ? "" : `, at most ${maximum}`;
  return maximum === undefined ? `, at least ${minimum}` : ` from ${minimum} to ${maximum}`;
}
