/**
 * Examples of a page: a block `yaml` with an object and, next, a block `text` with what portcullis answers. A block with a
 * Policy is what judges, from there to the end of its section. An object may have its Namespace in front of it; two
 * objects are an update. `# by USER` is who asks, and `kubectl annotate` in a block `sh` between them is the request.
 */
import { parse, parseAllDocuments } from "yaml";
import { isRecord, type KubernetesObject, type StringMap } from "../../../src/kube/objects.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { type Block, fencedBlocks } from "./fenced-blocks.ts";

export interface Example {
  readonly line: number;
  readonly section: string;
  /** Undefined: those that ship. */
  readonly policy?: Policy;
  readonly username: string;
  readonly namespaceLabels: StringMap;
  readonly object: KubernetesObject;
  readonly oldObject?: KubernetesObject;
  readonly told: string;
}

/** Throws where a block has no answer, or an answer nothing that it belongs to. */
export function toldExamples(page: string, loadPolicy: (text: string) => Policy): readonly Example[] {
  const examples: Example[] = [];
  let policy: { readonly section: string; readonly policy: Policy } | undefined;
  let pending: Omit<Example, "told"> | undefined;
  for (const block of fencedBlocks(page)) {
    if (block.language === "text") {
      if (!pending) throw new Error(`line ${block.line}: an answer to nothing`);
      examples.push({ ...pending, told: block.text.trimEnd() });
      pending = undefined;
    } else if (block.language === "sh") {
      if (pending) pending = { ...pending, ...annotated(pending.object, block) };
    } else if (block.language === "yaml") {
      if (pending) throw new Error(`line ${pending.line}: no answer`);
      if (isPolicy(block)) policy = { section: block.section, policy: loadPolicy(block.text) };
      else pending = readRequest(block, policy?.section === block.section ? policy.policy : undefined);
    } else throw new Error(`line ${block.line}: neither yaml, sh nor text`);
  }
  if (pending) throw new Error(`line ${pending.line}: no answer`);
  return examples;
}

function isPolicy({ text }: Block): boolean {
  return /^kind: Policy$/m.test(text);
}

function readRequest({ text, line, section }: Block, policy: Policy | undefined): Omit<Example, "told"> {
  const documents = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
  const [namespace, ...others] = documents[0]?.kind === "Namespace" ? documents : [undefined, ...documents];
  const object = others.at(-1);
  if (!object || others.length > 2) throw new Error(`line ${line}: one object, or two of an update`);
  return {
    line,
    section,
    ...(policy ? { policy } : {}),
    username: /^# by (\S+)$/m.exec(text)?.[1] ?? "alice",
    namespaceLabels: namespace?.metadata?.labels ?? {},
    object,
    ...(others.length === 2 && others[0] ? { oldObject: others[0] } : {}),
  };
}

/** What `kubectl annotate pod NAME KEY=VALUE… KEY-…` makes of the object. */
function annotated(oldObject: KubernetesObject, { text, line }: Block): Pick<Example, "object" | "oldObject"> {
  const [, name, changes = ""] = /^kubectl annotate pod (\S+) (.+)$/m.exec(text) ?? [];
  if (name !== oldObject.metadata?.name)
    throw new Error(`line ${line}: kubectl annotates another Pod than the page shows`);
  const annotations: Record<string, string> = { ...oldObject.metadata?.annotations };
  for (const change of changes.split(" ")) {
    const [key = "", value] = change.split("=");
    if (value !== undefined) annotations[key] = String(parse(value) ?? "");
    else if (key.endsWith("-")) delete annotations[key.slice(0, -1)];
    else if (change !== "--overwrite") throw new Error(`line ${line}: ${change} is no change of an annotation`);
  }
  const metadata = isRecord(oldObject.metadata) ? oldObject.metadata : {};
  return { oldObject, object: { ...oldObject, metadata: { ...metadata, annotations } } };
}
