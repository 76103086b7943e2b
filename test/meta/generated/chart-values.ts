/** The table of values in the chart's README, from values.schema.json (what each is for) and values.yaml (what it is). */
import { parse } from "yaml";
import { readSource } from "../source-files.ts";
import { code, renderTable } from "./markdown.ts";

const CHART = "manifests/chart";
export const CHART_README = `${CHART}/README.md`;

const BEGIN = "<!-- values: made by `node test/meta/generate-docs.ts` from values.schema.json and values.yaml -->";
const END = "<!-- values: end -->";

/** As far as it is looked at here. */
export interface ValueSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, ValueSchema>>;
}

export interface ChartValue {
  /** "image.tag" */
  readonly path: string;
  readonly description: string;
  readonly value: unknown;
}

export function readChartSchema(): ValueSchema {
  return JSON.parse(readSource(`${CHART}/values.schema.json`));
}

/** Every value, and what holds values; what Kubernetes knows itself, such as `resources`, is one. */
export function listChartValues(
  schema: ValueSchema = readChartSchema(),
  values: unknown = parse(readSource(`${CHART}/values.yaml`)),
  prefix = "",
): readonly (ChartValue & { readonly isGroup: boolean })[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const path = `${prefix}${key}`;
    // For charts that have this one as a part.
    if (path === "global") return [];
    const value = (values as Readonly<Record<string, unknown>> | undefined)?.[key];
    const isGroup = isGroupOfValues(property);
    const listed = { path, description: property.description ?? "", value, isGroup };
    return isGroup ? [listed, ...listChartValues(property, value, `${path}.`)] : [listed];
  });
}

/** Switches of one list are told in one row. */
function isGroupOfValues({ properties }: ValueSchema): boolean {
  return properties !== undefined && Object.values(properties).every(({ description }) => description !== undefined);
}

/** The README as it should be. */
export function renderChartReadme(): string {
  const readme = readSource(CHART_README);
  const [before, , after] = splitReadme(readme);
  return `${before}${BEGIN}\n\n${renderValues()}\n\n${END}${after}`;
}

function splitReadme(readme: string): readonly [before: string, table: string, after: string] {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${CHART_README} has no "${BEGIN}" before "${END}"`);
  return [readme.slice(0, begin), readme.slice(begin, end), readme.slice(end + END.length)];
}

function renderValues(): string {
  const rows = listChartValues()
    .filter(({ isGroup }) => !isGroup)
    .map(({ path, description, value }) => [code(path), code(renderValue(value)), description]);
  return renderTable(["value", "default", "meaning"], rows);
}

/** In one line, as YAML has it. */
function renderValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(renderValue).join(", ")}]`;
  if (typeof value !== "object" || value === null) return value === "" ? '""' : String(value);
  const fields = Object.entries(value).map(([key, inner]) => `${key}: ${renderValue(inner)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}
