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
    ["of a kind that has gained a field", { kind: { group: "", version: "v1", kind: "Pod", scope: "Namespaced" } }],
    ["without dryRun and options", { dryRun: undefined, options: undefined }],
  ])("F-47: %s is the same request", (_name, parts) => {
    expect(decoded(requestOf(parts))).toEqual(decoded());
  });

  it("F-62: of a user with extras is the same request", () => {
    expect(decoded(requestOf({ userInfo: { ...ALICE, extra: { token: ["secret"] } } }))).toEqual(decoded());
  });

  it("F-62: may be of a user in a thousand groups", () => {
    const groups = Array<string>(1000).fill("group");
    expect(decoded(requestOf({ userInfo: { username: "alice", groups } }))).toEqual({ ...decoded(), groups });
  });

  it("F-59, F-60, F-62: may leave out user, name and namespace", () => {
    const request = decoded(requestOf({ userInfo: undefined, name: undefined, namespace: undefined }));
    expect(request).toMatchObject({ username: "", groups: [], name: "", namespace: "" });
  });

  it("F-45: may carry a response of its own, which counts for nothing", () => {
    const review = { ...reviewOf(requestOf()), response: { uid: UID, allowed: true } };
    expect(decode(bytesOf(review))).toEqual(decoded());
  });

  it.each(["DELETE", "CONNECT"])("F-48, F-49: needs no object for %s", (operation) => {
    expect(decoded(requestOf({ operation, object: null, oldObject: POD })).object).toBeUndefined();
  });

  it("F-44: keeps its uid byte for byte", () => {
    const uid = '!"#$%&/()=?~';
    expect(decoded(requestOf({ uid })).uid).toBe(uid);
  });

  it("F-39: with a key twice is taken as its last one, as Go takes it", () => {
    const text = GOOD_TEXT.replace('"operation":"CREATE"', '"operation":"DELETE","operation":"CREATE"');
    expect(decode(Buffer.from(text)).operation).toBe("CREATE");
  });
});

describe("an object in a review", () => {
  it.each<[string, object]>([
    ["has no metadata", {}],
    ["has no labels, annotations and owners", { metadata: {} }],
    ["is of an unknown kind, without a spec", { apiVersion: "example.org/v1", kind: "Widget", metadata: {} }],
  ])("F-53: is taken where it %s", (_name, object) => {
    expect(decoded(requestOf({ object })).object).toEqual(object);
  });

  it("F-57: is taken where its labels, annotations and owners are null, as if it had none", () => {
    const object = { metadata: { labels: null, annotations: null, ownerReferences: null } };
    expect(decoded(requestOf({ object })).object).toEqual(object);
    expect(labelOf(object, "app")).toBeUndefined();
  });

  it.each([
    { kind: "List", items: [POD] },
    { kind: "Status", status: "Failure" },
  ])("F-54: is taken where it is a $kind", (object) => {
    expect(decoded(requestOf({ object })).object).toEqual(object);
  });

  it("F-30: may be nested a million deep where nobody reads it", () => {
    const text = GOOD_TEXT.replace('"spec":{', `"status":${"[".repeat(1e6)}${"]".repeat(1e6)},"spec":{`);
    expect(decode(Buffer.from(text)).object?.metadata).toEqual(POD.metadata);
  });

  it("F-38: may have labels with the names of JavaScript's own properties", () => {
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
  ])("F-21, F-23, F-29: %s", (_name, body, reason) => {
    expect(failureOf(body).reason).toBe(reason);
  });

  it.each(["null", "[]", '"x"', "1", "true", "{}"])("F-22: is %s", (text) => {
    expect(failureOfText(text).reason).toBe("envelope");
  });

  it.each<[string, object]>([
    ["is a review of v1beta1", { ...reviewOf(requestOf()), apiVersion: "admission.k8s.io/v1beta1" }],
    ["is of another group", { ...reviewOf(requestOf()), apiVersion: "v1" }],
    ["is of another kind", { ...reviewOf(requestOf()), kind: "Pod" }],
    ["is the object itself", POD],
  ])("F-42: %s", (_name, review) => {
    expect(failureOf(bytesOf(review)).reason).toBe("envelope");
  });

  it.each<[string, unknown]>([
    ["has no request", undefined],
    ["has a request that is null", null],
    ["has a list as request", [requestOf()]],
  ])("F-43: %s", (_name, request) => {
    expect(failureOf(bytesOf(reviewOf(request))).reason).toBe("envelope");
  });

  it.each<[string, object]>([
    ["has no uid", { uid: undefined }],
    ["has an empty uid", { uid: "" }],
    ["has a number as uid", { uid: 5 }],
    ["has a uid of 10 kB", { uid: "u".repeat(10_000) }],
    ["has a line break in its uid", { uid: "a\nb" }],
  ])("F-44: %s", (_name, parts) => {
    expect(failureOfRequest(parts).reason).toBe("request");
  });

  it.each<[string, object]>([
    ["has no operation", { operation: undefined }],
    ["has an operation that nobody knows", { operation: "FOO" }],
    ["has an operation named like a property of every object", { operation: "constructor" }],
  ])("F-46: %s", (_name, parts) => {
    expect(failureOfRequest(parts).reason).toBe("request");
  });

  it.each<[string, object]>([
    ["creates nothing", { object: null }],
    ["updates nothing", { operation: "UPDATE", object: null, oldObject: POD }],
    ["updates from nothing", { operation: "UPDATE", oldObject: null }],
  ])("F-55: %s", (_name, parts) => {
    expect(failureOfRequest(parts).reason).toBe("request");
  });

  it.each<[string, object]>([
    ["has no kind", { kind: undefined }],
    ["has a resource without a name", { resource: { group: "", version: "v1" } }],
    ["has a user that is a string", { userInfo: "alice" }],
    ["has a user name that is a list", { userInfo: { username: ["alice"] } }],
  ])("%s", (_name, parts) => {
    expect(failureOfRequest(parts).reason).toBe("request");
  });

  /** ADR 2: it is the contract that is broken, and no rule is asked. */
  function expectObjectRefused(object: unknown): void {
    expect(failureOfRequest({ object }).reason).toBe("object");
    expect(failureOfRequest({ operation: "UPDATE", oldObject: object }).reason).toBe("object");
  }

  it.each<[string, unknown]>([
    ["is a string", "pod"],
    ["is a list", [POD]],
    ["has owners that are a map", { metadata: { ownerReferences: {} } }],
    ["has an owner that is null", { metadata: { ownerReferences: [null] } }],
  ])("has an object that %s", (_name, object) => expectObjectRefused(object));

  it.each<[string, unknown]>([
    ["null", null],
    ["a list", []],
    ["a string", "web"],
  ])("F-56: has an object with metadata that is %s", (_name, metadata) => expectObjectRefused({ metadata }));

  const maps = ["labels", "annotations"];
  const inBoth = (values: readonly unknown[]) => maps.flatMap((map) => values.map((value) => [map, value] as const));

  it.each(inBoth([[], "app", 5, true]))("F-57: has an object whose %s are %j", (map, value) => {
    expectObjectRefused({ metadata: { [map]: value } });
  });

  it.each(inBoth([5, true, null, {}, ["blog"]]))("F-58: has an object with, in its %s, the value %j", (map, value) => {
    expectObjectRefused({ metadata: { [map]: { team: "blog", app: value } } });
  });

  it("F-23: isn't quoted in the message", () => {
    expect(failureOfText('{"password":hunter2}').message).toBe("the body is not JSON");
  });
});
