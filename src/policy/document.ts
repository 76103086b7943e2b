import { isNode, LineCounter, parseAllDocuments, type Document as YamlDocument } from "yaml";

/** What is wrong, and where: `file:line:column`. */
export interface Problem {
  readonly position: string;
  readonly message: string;
}

/** One YAML document with the positions of its fields. */
export interface Document {
  readonly value: unknown;
  /** `file:line:column` of the field under a JSON pointer, or of the nearest parent that is there. */
  position(pointer: string): string;
  problem(pointer: string, message: string): Problem;
}

/** YAML 1.2 core; empty documents are passed over. A document that doesn't parse is reported and left out. */
export function parseDocuments(
  file: string,
  text: string,
): { readonly documents: readonly Document[]; readonly problems: readonly Problem[] } {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter, version: "1.2", schema: "core", prettyErrors: false });
  const documents: Document[] = [];
  const problems: Problem[] = [];
  const positionAt = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  for (const document of parsed) {
    for (const error of [...document.errors, ...document.warnings]) {
      problems.push({ position: positionAt(error.pos[0]), message: error.message });
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    let value: unknown;
    try {
      value = document.toJS();
    } catch (error) {
      // Aliases that expand without end are refused by the parser only here.
      problems.push({ position: positionAt(document.range[0]), message: (error as Error).message });
      continue;
    }
    if (value === null) continue;
    const position = (pointer: string): string => positionAt(offsetOf(document, pointer));
    documents.push({ value, position, problem: (pointer, message) => ({ position: position(pointer), message }) });
  }
  return { documents, problems };
}

function offsetOf(document: YamlDocument, pointer: string): number {
  const path = pointer
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((segment) => (/^\d+$/.test(segment) ? Number(segment) : segment));
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return isNode(document.contents) && document.contents.range ? document.contents.range[0] : 0;
}
