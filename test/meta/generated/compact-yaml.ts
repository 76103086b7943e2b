import { stringify } from "yaml";
import { isRecord } from "../../../src/kube/objects.ts";

/** What stands on one line, besides its indentation and its key. */
const MAX_FLOW_CHARACTERS = 80;
const FLOW = { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 } as const;

/** YAML as people write it in these documents: below the root, whatever is short stands on one line, the rest in blocks. */
export function compactYaml(value: unknown): string {
  return linesOf(value).join("\n");
}

/** The whole value on one line. */
export function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (isRecord(value)) {
    const fields = Object.entries(value).map(([key, inner]) => `${scalar(key)}: ${oneLine(inner)}`);
    return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
  }
  return scalar(value);
}

function linesOf(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item) => {
      const [first = "", ...rest] = isShort(item) ? [oneLine(item)] : linesOf(item);
      return [`- ${first}`, ...rest.map(indent)];
    });
  }
  if (!isRecord(value) || Object.keys(value).length === 0) return [oneLine(value)];
  return Object.entries(value).flatMap(([key, inner]) =>
    isShort(inner) ? [`${scalar(key)}: ${oneLine(inner)}`] : [`${scalar(key)}:`, ...linesOf(inner).map(indent)],
  );
}

function isShort(value: unknown): boolean {
  const isCollection = Array.isArray(value) || isRecord(value);
  return !isCollection || oneLine(value).length <= MAX_FLOW_CHARACTERS;
}

function indent(line: string): string {
  return `  ${line}`;
}

/** Quoted where it has to be between brackets and braces: what is right there is right everywhere. */
function scalar(value: unknown): string {
  // What has lines would be folded into several, and what looks like a marker ends a document; JSON is YAML.
  if (typeof value === "string" && /[\r\n]|^(?:---|\.\.\.)/.test(value)) return JSON.stringify(value);
  return stringify([value], FLOW).trimEnd().slice(1, -1);
}
