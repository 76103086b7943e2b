/**
 * Whether a body keeps the contract of AdmissionReview v1, by the documentation and in words of its own: what the decoder is
 * held to can't be asked of the decoder.
 */

export type Contract =
  /** As an API server sends it: only a verdict will do. */
  | { readonly kind: "kept"; readonly uid: string; readonly object: unknown }
  /** Nobody can judge it: only an error will do. */
  | { readonly kind: "broken" }
  /** No API server sends it; a verdict that is a good one is as well as an error. */
  | { readonly kind: "odd"; readonly uid: string; readonly object: unknown };

type Fields = Readonly<Record<string, unknown>>;

const BROKEN = { kind: "broken" } as const;

export function contractOf(body: Uint8Array): Contract {
  const review = parse(body);
  if (!isFields(review) || review.apiVersion !== "admission.k8s.io/v1" || review.kind !== "AdmissionReview") {
    return BROKEN;
  }
  const { request } = review;
  if (!isFields(request)) return BROKEN;
  const { uid, operation, object, oldObject } = request;
  if (typeof uid !== "string" || uid === "") return BROKEN;
  if (typeof operation !== "string" || !["CREATE", "UPDATE", "DELETE", "CONNECT"].includes(operation)) return BROKEN;
  if (!isNothing(object) && !isFields(object)) return BROKEN;
  if (!isNothing(oldObject) && !isFields(oldObject)) return BROKEN;
  if (isNothing(object) && (operation === "CREATE" || operation === "UPDATE")) return BROKEN;
  if (isNothing(oldObject) && operation === "UPDATE") return BROKEN;
  const isKept = isUsualRequest(request) && [object, oldObject].every(isUsualObject);
  return { kind: isKept ? "kept" : "odd", uid, object };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    return undefined;
  }
}

function isUsualRequest({ uid, kind, resource, subResource, name, namespace, userInfo }: Fields): boolean {
  return (
    // A UUID has 36; anything as long as a label's key and value together is room enough.
    /^[\x21-\x7e]{1,128}$/.test(String(uid)) &&
    isFields(kind) &&
    isText(kind.kind) &&
    isFields(resource) &&
    isText(resource.version) &&
    isText(resource.resource) &&
    [resource.group, subResource, name, namespace].every(isStringOrNothing) &&
    (isNothing(userInfo) || (isFields(userInfo) && isStringOrNothing(userInfo.username) && areStrings(userInfo.groups)))
  );
}

function isUsualObject(object: unknown): boolean {
  if (!isFields(object) || object.metadata === undefined) return true;
  if (!isFields(object.metadata)) return false;
  const { name, generateName, namespace, labels, annotations, ownerReferences } = object.metadata;
  const areOwnersUsual =
    isNothing(ownerReferences) || (Array.isArray(ownerReferences) && ownerReferences.every(isFields));
  return (
    areOwnersUsual &&
    [name, generateName, namespace].every(isStringOrNothing) &&
    [labels, annotations].every((map) => isNothing(map) || isStringMap(map))
  );
}

function isStringMap(value: unknown): boolean {
  return isFields(value) && Object.values(value).every((item) => typeof item === "string");
}

function areStrings(value: unknown): boolean {
  return isNothing(value) || (Array.isArray(value) && value.every((item) => typeof item === "string"));
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isStringOrNothing(value: unknown): boolean {
  return isNothing(value) || typeof value === "string";
}

function isNothing(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
