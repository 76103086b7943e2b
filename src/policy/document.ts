import {
  isCollection,
  isNode,
  isScalar,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document as YamlDocument,
} from "yaml";

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
  const parsed = parseYaml(text, lineCounter);
  if (parsed === undefined) {
    return { documents: [], problems: [{ position: `${file}:1:1`, message: "this is nested too deeply to be read" }] };
  }
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
    const faults = findFaults(document);
    problems.push(...faults.map(({ offset, message }) => ({ position: positionAt(offset), message })));
    if (faults.length > 0) continue;
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

/** Undefined where the nesting overflows the stack. */
function parseYaml(text: string, lineCounter: LineCounter) {
  try {
    // The library compares each key with all others, which takes minutes for a map that a request can hold: see findFaults.
    const options = { lineCounter, version: "1.2", schema: "core", prettyErrors: false, uniqueKeys: false } as const;
    return parseAllDocuments(text, options);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The library looks through the document for each. */
const MAX_ALIASES = 100;

interface Fault {
  readonly offset: number;
  readonly message: string;
}

/** Keys that a map has twice, and aliases of something that they are in: what a tree of values has no room for. */
function findFaults(document: YamlDocument): readonly Fault[] {
  const faults: Fault[] = [];
  let aliasCount = 0;
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) faults.push({ offset: key.range?.[0] ?? 0, message: "Map keys must be unique" });
        seen.add(key.value);
      }
    },
    Alias(_key, alias, ancestors) {
      const isInside = ancestors.some((node) => isCollection(node) && node.anchor === alias.source);
      aliasCount++;
      if (aliasCount === MAX_ALIASES + 1) {
        const message = `there are more than ${MAX_ALIASES} aliases in this document; write out what they stand for`;
        faults.push({ offset: alias.range?.[0] ?? 0, message });
      }
      if (isInside) {
        faults.push({ offset: alias.range?.[0] ?? 0, message: `*${alias.source} stands for something that it is in` });
      }
    },
  });
  return faults;
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
