/**
 * Marks in every string of a review, of three sorts, so that whatever leaves the server can be searched for what it was given.
 */
import { isRecord } from "../../src/kube/objects.ts";

/**
 * name: of the object, its namespace, and who asks: logs may have them. word: what a refusal may name, such as a label or a
 * volume. secret: all the rest, which nobody may ever see again.
 */
export type Sort = "name" | "word" | "secret";

const LETTERS: Readonly<Record<Sort, string>> = { name: "n", word: "w", secret: "s" };
const MARKS = { name: /cnryn\d+z/i, word: /cnryw\d+z/i, secret: /cnrys\d+z/i };

/** The sorts whose marks are in the text. */
export function sortsIn(text: string): readonly Sort[] {
  return (Object.keys(MARKS) as Sort[]).filter((sort) => MARKS[sort].test(text));
}

/** What rules speak of: keys and values of labels and annotations, names of things, hosts, paths and the like. */
const WORDS =
  /\/(?:labels|annotations|matchLabels)\/|\/(?:name|claimName|kind|host|hosts|hostnames|path|replacePrefixMatch|replaceFullPath|number|port|serviceName|secretName|concurrencyPolicy|medium)(?:\/\d+)?$/;
/** Within which nothing is a word. */
const SECRETS =
  /^\/(?:options|userInfo|kind|requestKind|requestResource)\/|\/(?:managedFields|data|stringData|status|ownerReferences)\/|last-applied-configuration$|\/valueFrom\/|\/uid$/;
const NAMES =
  /^\/(?:name|namespace|userInfo\/username)$|^\/(?:object|oldObject)\/metadata\/(?:name|generateName|namespace)$/;
/** What decides which way a request takes, and its uid, which goes back and into the log. */
const KEPT = /^\/(?:uid|operation|subResource|resource\/(?:group|resource))$/;

export function sortOf(pointer: string): Sort {
  if (NAMES.test(pointer)) return "name";
  return WORDS.test(pointer) && !SECRETS.test(pointer) ? "word" : "secret";
}

export interface Planted {
  readonly request: Readonly<Record<string, unknown>>;
  /** Strings that got a mark, by sort. */
  readonly counts: Readonly<Record<Sort, number>>;
}

/**
 * A request with a mark in every string and with more keys that are marked. Equal strings of a sort stay equal, so that a mount
 * still finds its volume. A secret is marked at both ends: half of it is as bad.
 */
export function plantCanaries(request: Readonly<Record<string, unknown>>): Planted {
  const counts = { name: 0, word: 0, secret: 0 };
  const numbers = new Map<string, number>();
  const marked = (pointer: string, text: string): string => {
    if (KEPT.test(pointer)) return text;
    const sort = sortOf(pointer);
    const known = `${sort} ${text}`;
    if (!numbers.has(known)) numbers.set(known, numbers.size);
    const mark = `cnry${LETTERS[sort]}${numbers.get(known)}z`;
    counts[sort]++;
    return sort === "secret" ? `${mark}${text}${mark}` : `${text}${mark}`;
  };
  const plant = (value: unknown, pointer: string): unknown => {
    if (typeof value === "string") return marked(pointer, value);
    if (Array.isArray(value)) return value.map((item, index) => plant(item, `${pointer}/${index}`));
    if (!isRecord(value)) return value;
    const entries = Object.entries(value).map(([key, item]) => {
      return [key, plant(item, `${pointer}/${key.replaceAll("/", "~1")}`)];
    });
    return Object.fromEntries([...entries, ...moreKeys(pointer)]);
  };
  return { request: plant(request, "") as Planted["request"], counts };
}

function moreKeys(pointer: string): readonly (readonly [string, unknown])[] {
  if (/\/(?:labels|annotations)$/.test(pointer)) return [["cnryw9000z", "cnryw9001z"]];
  if (/\/(?:data|stringData)$/.test(pointer)) return [["cnrys9002z", "cnrys9003z"]];
  return [];
}

/** What a real API server adds to any request, and to any object. */
export function withAllFields(request: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    ...request,
    userInfo: {
      username: "alice",
      uid: "alice-uid",
      groups: ["system:authenticated", "team"],
      ...(request.userInfo as object | undefined),
      extra: { "authentication.kubernetes.io/credential-id": ["JTI=4d3c"], scopes: ["all"] },
    },
    options: {
      apiVersion: "meta.k8s.io/v1",
      kind: "CreateOptions",
      fieldManager: "kubectl",
      fieldValidation: "Strict",
    },
    object: completed(request.object),
    oldObject: completed(request.oldObject),
  };
}

function completed(object: unknown): unknown {
  if (!isRecord(object)) return object;
  const metadata = isRecord(object.metadata) ? object.metadata : {};
  const annotations = isRecord(metadata.annotations) ? metadata.annotations : {};
  return {
    ...object,
    metadata: {
      ...metadata,
      uid: "0f0f",
      annotations: { ...annotations, "kubectl.kubernetes.io/last-applied-configuration": '{"password":"hunter2"}' },
      managedFields: [{ manager: "kubectl", operation: "Update", fieldsV1: { "f:data": { value: "hunter2" } } }],
    },
    status: { conditions: [{ type: "Ready", message: "hunter2" }] },
  };
}
