import { isRecord, type KubernetesObject } from "../kube/objects.ts";
import { weighJson } from "./json-weight.ts";
import type { AdmissionRequest, Operation } from "./types.ts";

/** Why a body is not an AdmissionReview v1 that can be judged: a metric label, and the text of the answer. */
export type DecodeReason = "encoding" | "json" | "envelope" | "request" | "object";

/** The caller broke the contract: the answer is 400. The message never quotes the body. */
export class DecodeError extends Error {
  readonly reason: DecodeReason;

  constructor(reason: DecodeReason, message: string) {
    super(message);
    this.name = "DecodeError";
    this.reason = reason;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const OPERATIONS: ReadonlySet<string> = new Set<Operation>(["CREATE", "UPDATE", "DELETE", "CONNECT"]);
/** The API server sends 36 characters; whatever comes is echoed byte for byte, so it must be short and printable. */
const UID = /^[\x21-\x7e]{1,256}$/;

/** A smaller body can't hold more than there is memory for. */
const UNWEIGHED_BYTES = 4 * 1024 * 1024;
/**
 * What 256 MiB of heap can hold beside the text, and more than Kubernetes takes: an update by requests of 3 MiB of the least values weighs
 * 162 MB. Of callers who make their bodies up, 32 MiB could be 700.
 */
const MAX_WEIGHT = 192 * 1024 * 1024;

/** Reads only named fields: a generic walk over somebody else's object can be made to overflow the stack. */
export function decode(body: Uint8Array): AdmissionRequest {
  const review = parseJson(body);
  if (!isRecord(review)) throw new DecodeError("envelope", "the body is not a JSON object");
  if (review.apiVersion !== "admission.k8s.io/v1" || review.kind !== "AdmissionReview") {
    throw new DecodeError("envelope", "the body is not an AdmissionReview of admission.k8s.io/v1");
  }
  const request = review.request;
  if (!isRecord(request)) throw new DecodeError("envelope", "the AdmissionReview has no request");

  const uid = requireString(request, "uid");
  if (!UID.test(uid)) throw new DecodeError("request", "request.uid is not 1 to 256 printable characters");
  const operation = requireString(request, "operation");
  if (!isOperation(operation)) {
    throw new DecodeError("request", "request.operation is not CREATE, UPDATE, DELETE or CONNECT");
  }
  const kind = requireRecord(request, "kind");
  const resource = requireRecord(request, "resource");
  const userInfo = requireRecordOrNothing(request, "userInfo");
  const object = readObject(request, "object");
  const oldObject = readObject(request, "oldObject");
  if ((operation === "CREATE" || operation === "UPDATE") && !object) {
    throw new DecodeError("request", `request.object is missing on ${operation}`);
  }
  if (operation === "UPDATE" && !oldObject) throw new DecodeError("request", "request.oldObject is missing on UPDATE");

  return {
    uid,
    operation,
    kind: requireString(kind, "kind"),
    resource: {
      group: readString(resource, "group"),
      version: requireString(resource, "version"),
      resource: requireString(resource, "resource"),
    },
    subResource: readString(request, "subResource"),
    name: readString(request, "name"),
    namespace: readString(request, "namespace"),
    username: userInfo ? readString(userInfo, "username") : "",
    groups: userInfo ? readStrings(userInfo, "groups") : [],
    dryRun: request.dryRun === true,
    ...(object ? { object } : {}),
    ...(oldObject ? { oldObject } : {}),
  };
}

function parseJson(body: Uint8Array): unknown {
  if (body.length > UNWEIGHED_BYTES && weighJson(body, MAX_WEIGHT) > MAX_WEIGHT) {
    throw new DecodeError("json", "the body holds more values than any object that Kubernetes takes");
  }
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw new DecodeError("encoding", "the body is not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch {
    // JSON.parse quotes its input in the message: it must not get into an answer or a log.
    throw new DecodeError("json", "the body is not JSON");
  }
}

/** An object of the request, its metadata checked: everything downstream relies on string maps and nothing else. */
function readObject(request: Readonly<Record<string, unknown>>, field: string): KubernetesObject | undefined {
  const object = request[field];
  if (object === undefined || object === null) return undefined;
  if (!isRecord(object)) throw new DecodeError("object", `request.${field} is not a JSON object`);
  const { metadata } = object;
  if (metadata === undefined) return object as KubernetesObject;
  if (!isRecord(metadata)) throw new DecodeError("object", `request.${field}.metadata is not a JSON object`);
  checkText(metadata.name, `request.${field}.metadata.name`);
  checkText(metadata.generateName, `request.${field}.metadata.generateName`);
  checkStringMap(metadata.labels, `request.${field}.metadata.labels`);
  checkStringMap(metadata.annotations, `request.${field}.metadata.annotations`);
  const owners = metadata.ownerReferences;
  if (owners !== undefined && owners !== null && !(Array.isArray(owners) && owners.every(isRecord))) {
    throw new DecodeError("object", `request.${field}.metadata.ownerReferences is not a list of JSON objects`);
  }
  return object as KubernetesObject;
}

function checkText(value: unknown, field: string): void {
  if (value === undefined || value === null || typeof value === "string") return;
  throw new DecodeError("object", `${field} is not a string`);
}

function checkStringMap(map: unknown, field: string): void {
  if (map === undefined || map === null) return;
  if (!isRecord(map)) throw new DecodeError("object", `${field} is not a JSON object`);
  for (const key in map) {
    if (typeof map[key] !== "string") throw new DecodeError("object", `${field} has a value that is not a string`);
  }
}

function requireString(parent: Readonly<Record<string, unknown>>, field: string): string {
  const value = parent[field];
  if (typeof value !== "string" || value === "") throw new DecodeError("request", `${field} is not a string`);
  return value;
}

function readString(parent: Readonly<Record<string, unknown>>, field: string): string {
  const value = parent[field];
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw new DecodeError("request", `${field} is not a string`);
  return value;
}

function readStrings(parent: Readonly<Record<string, unknown>>, field: string): readonly string[] {
  const value = parent[field];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new DecodeError("request", `${field} is not a list of strings`);
  }
  return value;
}

function requireRecord(parent: Readonly<Record<string, unknown>>, field: string): Readonly<Record<string, unknown>> {
  const value = parent[field];
  if (!isRecord(value)) throw new DecodeError("request", `request.${field} is not a JSON object`);
  return value;
}

function requireRecordOrNothing(
  parent: Readonly<Record<string, unknown>>,
  field: string,
): Readonly<Record<string, unknown>> | undefined {
  return parent[field] === undefined || parent[field] === null ? undefined : requireRecord(parent, field);
}

function isOperation(text: string): text is Operation {
  return OPERATIONS.has(text);
}
