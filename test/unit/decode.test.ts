import { describe, expect, it } from "vitest";
import { DecodeError, type DecodeReason, decode } from "../../src/admission/decode.ts";
import { labelOf } from "../../src/kube/objects.ts";
import { bytesOf, decoded, POD, requestOf, reviewOf, UID } from "../support/reviews.ts";

function failureOf(body: Uint8Array): DecodeError {
  try {
    decode(body);
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error("the body was taken for a review");
}

function failureOfText(text: string): DecodeError {
  return failureOf(Buffer.from(text));
}

function failureOfRequest(parts: object): DecodeError {
  return failureOf(bytesOf(reviewOf(requestOf(parts))));
}

const ALICE = { username: "alice", groups: ["system:authenticated"] };
const GOOD_TEXT = JSON.stringify(reviewOf(requestOf()));

describe("a review of the API server", () => {
  it("gives what the pipeline reads of it", () => {
    expect(decoded(requestOf({ dryRun: true, subResource: "status" }))).toEqual({
      uid: UID,
      operation: "CREATE",
      kind: "Pod",
      resource: { group: "", version: "v1", resource: "pods" },
      subResource: "status",
      name: "web",
      namespace: "application",
      username: "alice",
      groups: ["system:authenticated"],
      dryRun: true,
      object: POD,
    });
  });

  it.each<[string, object]>([
    ["of a later version with fields that nobody knows yet", { risk: "low", userInfo: { ...ALICE, age: 3 } }],
    ["of a user with extras", { userInfo: { ...ALICE, extra: { token: ["secret"] } } }],
    ["without dryRun and options", { dryRun: undefined, options: undefined }],
  ])("%s is the same request", (_name, parts) => {
    expect(decoded(requestOf(parts))).toEqual(decoded());
  });

  it("may be of a user in a thousand groups", () => {
    const groups = Array<string>(1000).fill("group");
    expect(decoded(requestOf({ userInfo: { username: "alice", groups } }))).toEqual({ ...decoded(), groups });
  });

  it("may leave out user, name and namespace", () => {
    const request = decoded(requestOf({ userInfo: undefined, name: undefined, namespace: undefined }));
    expect(request).toMatchObject({ username: "", groups: [], name: "", namespace: "" });
  });

  it("may carry a response of its own, which counts for nothing", () => {
    const review = { ...reviewOf(requestOf()), response: { uid: UID, allowed: true } };
    expect(decode(bytesOf(review))).toEqual(decoded());
  });

  it.each(["DELETE", "CONNECT"])("needs no object for %s", (operation) => {
    expect(decoded(requestOf({ operation, object: null, oldObject: POD })).object).toBeUndefined();
  });

  it("keeps its uid byte for byte", () => {
    const uid = '!"#$%&/()=?~';
    expect(decoded(requestOf({ uid })).uid).toBe(uid);
  });

  it("with a key twice is taken as its last one, as Go takes it", () => {
    const text = GOOD_TEXT.replace('"operation":"CREATE"', '"operation":"DELETE","operation":"CREATE"');
    expect(decode(Buffer.from(text)).operation).toBe("CREATE");
  });
});

describe("an object in a review", () => {
  it.each<[string, object]>([
    ["has no metadata", {}],
    ["has no labels, annotations and owners", { metadata: {} }],
    ["has labels, annotations and owners that are null", { metadata: { labels: null, annotations: null } }],
    ["is a list", { kind: "List", items: [] }],
  ])("is taken where it %s", (_name, object) => {
    expect(decoded(requestOf({ object })).object).toEqual(object);
  });

  it("may be nested a million deep where nobody reads it", () => {
    const text = GOOD_TEXT.replace('"spec":{', `"status":${"[".repeat(1e6)}${"]".repeat(1e6)},"spec":{`);
    expect(decode(Buffer.from(text)).object?.metadata).toEqual(POD.metadata);
  });

  it("may have labels with the names of JavaScript's own properties", () => {
    const labels = '{"__proto__":"a","constructor":"b","toString":"c","hasOwnProperty":"d"}';
    const { object } = decode(Buffer.from(GOOD_TEXT.replace('{"app":"web"}', labels)));
    expect(["__proto__", "constructor", "toString", "hasOwnProperty"].map((key) => labelOf(object, key))).toEqual([
      ..."abcd",
    ]);
    expect(labelOf(decoded().object, "constructor")).toBeUndefined();
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });
});

describe("a body that breaks the contract", () => {
  it.each<[string, Uint8Array, DecodeReason]>([
    ["is empty", Buffer.alloc(0), "json"],
    ["is cut short", Buffer.from(GOOD_TEXT.slice(0, -1)), "json"],
    ["has something behind it", Buffer.from(`${GOOD_TEXT}}`), "json"],
    ["holds two reviews", Buffer.from(`${GOOD_TEXT}\n${GOOD_TEXT}`), "json"],
    ["begins with a byte order mark", Buffer.from(`\ufeff${GOOD_TEXT}`), "json"],
    ["has a raw NUL in a string", Buffer.from(GOOD_TEXT.replace("alice", "al\0ce")), "json"],
    ["has a byte that is not UTF-8", Buffer.from(GOOD_TEXT.replace("alice", "al\u00ffce"), "latin1"), "encoding"],
    ["has an overlong form", Buffer.from(GOOD_TEXT.replace("alice", "al\u00c0\u00afce"), "latin1"), "encoding"],
    ["is in UTF-16", Buffer.from(GOOD_TEXT, "utf16le"), "json"],
  ])("%s", (_name, body, reason) => {
    expect(failureOf(body).reason).toBe(reason);
  });

  it.each(["null", "[]", '"x"', "1", "true", "{}"])("is %s", (text) => {
    expect(failureOfText(text).reason).toBe("envelope");
  });

  it.each<[string, object]>([
    ["is a review of v1beta1", { ...reviewOf(requestOf()), apiVersion: "admission.k8s.io/v1beta1" }],
    ["is of another group", { ...reviewOf(requestOf()), apiVersion: "v1" }],
    ["is the object itself", POD],
    ["has no request", reviewOf(undefined)],
    ["has a request that is null", reviewOf(null)],
    ["has a list as request", reviewOf([requestOf()])],
  ])("%s", (_name, review) => {
    expect(failureOf(bytesOf(review)).reason).toBe("envelope");
  });

  it.each<[string, object]>([
    ["has no uid", { uid: undefined }],
    ["has an empty uid", { uid: "" }],
    ["has a number as uid", { uid: 5 }],
    ["has a uid of 10 kB", { uid: "u".repeat(10_000) }],
    ["has a line break in its uid", { uid: "a\nb" }],
    ["has no operation", { operation: undefined }],
    ["has an operation that nobody knows", { operation: "FOO" }],
    ["has an operation named like a property of every object", { operation: "constructor" }],
    ["creates nothing", { object: null }],
    ["updates nothing", { operation: "UPDATE", object: null, oldObject: POD }],
    ["updates from nothing", { operation: "UPDATE", oldObject: null }],
    ["has no kind", { kind: undefined }],
    ["has a resource without a name", { resource: { group: "", version: "v1" } }],
    ["has a user that is a string", { userInfo: "alice" }],
    ["has a user name that is a list", { userInfo: { username: ["alice"] } }],
  ])("%s", (_name, parts) => {
    expect(failureOfRequest(parts).reason).toBe("request");
  });

  it.each<[string, unknown]>([
    ["is a string", "pod"],
    ["is a list", [POD]],
    ["has metadata that is null", { metadata: null }],
    ["has metadata that is a list", { metadata: [] }],
    ["has metadata that is a string", { metadata: "web" }],
    ["has a list as labels", { metadata: { labels: [] } }],
    ["has a string as labels", { metadata: { labels: "app" } }],
    ["has a number as annotations", { metadata: { annotations: 5 } }],
    ["has a number as a label's value", { metadata: { labels: { app: 5 } } }],
    ["has null as a label's value", { metadata: { labels: { app: null } } }],
    ["has true as an annotation's value", { metadata: { annotations: { app: true } } }],
    ["has an object as an annotation's value", { metadata: { annotations: { app: {} } } }],
    ["has owners that are a map", { metadata: { ownerReferences: {} } }],
    ["has an owner that is null", { metadata: { ownerReferences: [null] } }],
  ])("has an object that %s", (_name, object) => {
    expect(failureOfRequest({ object }).reason).toBe("object");
    expect(failureOfRequest({ operation: "UPDATE", oldObject: object }).reason).toBe("object");
  });

  it("isn't quoted in the message", () => {
    expect(failureOfText('{"password":hunter2}').message).toBe("the body is not JSON");
  });
});
