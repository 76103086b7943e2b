/** The judge of the server tests is judged itself: each broken form must be caught, or a green test proves nothing. */
import { describe, expect, it } from "vitest";
import type { Phase } from "../../src/policy/policy.ts";
import { verifyResponse } from "../support/verify-response.ts";

const UID = "705ab4f5-6393-11e8-b7cc-42010a800002";
const OBJECT = { apiVersion: "v1", kind: "Pod", metadata: { labels: { app: "web" } } };

function verify(response: unknown, phase: Phase = "validate", object: unknown = OBJECT): readonly string[] {
  const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
  return verifyResponse({ phase, uid: UID, object, status: 200, body: JSON.stringify(review) });
}

function verifyBody(body: string, changes: { status?: number; contentType?: string } = {}): readonly string[] {
  return verifyResponse({ phase: "validate", uid: UID, status: 200, body, ...changes });
}

function patchOf(...operations: object[]): { patchType: string; patch: string } {
  return { patchType: "JSONPatch", patch: toBase64(JSON.stringify(operations)) };
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

const ALLOWED = { uid: UID, allowed: true };
const DENIED = { uid: UID, allowed: false, status: { code: 403, reason: "Forbidden", message: "no" } };
const ADD = { op: "add", path: "/metadata/annotations", value: { note: "hi" } };

describe("an answer without a fault", () => {
  it.each<[string, object, Phase]>([
    ["allows", ALLOWED, "validate"],
    ["allows in a mutating webhook", ALLOWED, "mutate"],
    ["denies", DENIED, "validate"],
    ["patches", { ...ALLOWED, ...patchOf(ADD) }, "mutate"],
    ["patches nothing", { ...ALLOWED, ...patchOf() }, "mutate"],
    ["warns", { ...ALLOWED, warnings: ["a", "b"] }, "validate"],
    ["annotates the audit log", { ...ALLOWED, auditAnnotations: { codes: "A,B" } }, "validate"],
  ])("%s", (_name, response, phase) => {
    expect(verify(response, phase)).toEqual([]);
  });

  it("may leave its Content-Type out, or give it with parameters", () => {
    const body = JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: ALLOWED });
    expect(verifyBody(body)).toEqual([]);
    expect(verifyBody(body, { contentType: "application/json; charset=utf-8" })).toEqual([]);
  });
});

describe("a failed call is told from a verdict", () => {
  const allowed = JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: ALLOWED });
  it.each<[string, readonly string[], string]>([
    ["status 500", verifyBody(allowed, { status: 500 }), "the call failed with status 500"],
    ["status 302", verifyBody(allowed, { status: 302 }), "the call failed with status 302"],
    ["no body", verifyBody(""), "the body has no length"],
    ["no media type", verifyBody(allowed, { contentType: "json" }), "Content-Type json can't be parsed"],
    ["a body that is not JSON", verifyBody("allowed"), "the body is not a JSON object"],
    ["a list", verifyBody("[]"), "the body is not a JSON object"],
    [
      "a Status",
      verifyBody('{"kind":"Status","apiVersion":"v1","status":"Failure"}'),
      "expected an AdmissionReview of admission.k8s.io/v1, got Status of v1",
    ],
    [
      "v1beta1",
      verifyBody(allowed.replace("k8s.io/v1", "k8s.io/v1beta1")),
      "expected an AdmissionReview of admission.k8s.io/v1, got AdmissionReview of admission.k8s.io/v1beta1",
    ],
    ["no response", verify(undefined), "the response is absent"],
    ["another uid", verify({ ...ALLOWED, uid: "another" }), `expected response.uid=${UID}, got another`],
    ["allowed as a string", verify({ ...ALLOWED, allowed: "true" }), "response.allowed is not a boolean"],
  ])("%s", (_name, problems, expected) => {
    expect(problems).toEqual([expected]);
  });
});

describe("a broken patch is found", () => {
  it.each<[string, object, string]>([
    ["without a patchType", { patch: patchOf(ADD).patch }, "response.patch without response.patchType"],
    ["without a patch", { patchType: "JSONPatch" }, "response.patchType without response.patch"],
    ["empty", { ...patchOf(), patch: "" }, "response.patchType without response.patch"],
    ["with an empty patchType", { ...patchOf(ADD), patchType: "" }, "response.patch without response.patchType"],
    ["of another type", { ...patchOf(ADD), patchType: "Merge" }, "response.patchType Merge is not supported"],
    ["not in base64", { ...patchOf(ADD), patch: JSON.stringify([ADD]) }, "response.patch is not base64"],
    ["half a list", { ...patchOf(), patch: toBase64("[{") }, "response.patch is not a list of operations"],
    ["not a list", { ...patchOf(), patch: toBase64("{}") }, "response.patch is not a list of operations"],
    [
      "below a parent that is missing",
      patchOf({ op: "add", path: "/metadata/annotations/note", value: "hi" }),
      "response.patch does not apply: OPERATION_PATH_CANNOT_ADD",
    ],
    [
      "of a field that is missing",
      patchOf({ op: "replace", path: "/metadata/name", value: "hi" }),
      "response.patch does not apply: OPERATION_PATH_UNRESOLVABLE",
    ],
  ])("%s", (_name, patch, expected) => {
    expect(verify({ ...ALLOWED, ...patch }, "mutate")).toEqual([expected]);
  });

  it("on a request without an object", () => {
    expect(verify({ ...ALLOWED, ...patchOf(ADD) }, "mutate", null)).toEqual([
      "response.patch on a request without an object",
    ]);
  });

  it("beside a denial", () => {
    expect(verify({ ...DENIED, ...patchOf(ADD) }, "mutate")).toEqual([
      "response.patch is ignored where the request is denied",
    ]);
  });

  it("in a validating webhook, and its patchType too", () => {
    expect(verify({ ...ALLOWED, ...patchOf(ADD) })).toEqual([
      "a validating webhook may not return response.patch",
      "a validating webhook may not return response.patchType",
    ]);
  });
});

describe("what the API server would drop or rewrite is found", () => {
  const longValue = "the audit annotation codes is not a string of at most 256 characters";
  it.each<[string, object, string]>([
    [
      "a denial without a status",
      { uid: UID, allowed: false },
      "a denial without response.status is one without explanation",
    ],
    [
      "a denial without a message",
      { ...DENIED, status: { code: 403 } },
      "a denial without status.message has no explanation",
    ],
    ["a denial with code 200", { ...DENIED, status: { code: 200, message: "no" } }, "status.code 200 would become 400"],
    [
      "a denial that calls itself a success",
      { ...DENIED, status: { ...DENIED.status, status: "Success" } },
      "status.status Success would become Failure",
    ],
    [
      "a status beside allowed",
      { ...DENIED, allowed: true },
      "response.status is ignored where the request is allowed",
    ],
    ["warnings that are no list", { ...ALLOWED, warnings: "hi" }, "response.warnings is not a list of strings"],
    ["eleven warnings", { ...ALLOWED, warnings: [..."abcdefghijk"] }, "11 warnings"],
    ["a warning of 121 characters", { ...ALLOWED, warnings: ["x".repeat(121)] }, "a warning would be cut"],
    ["a warning with a line break", { ...ALLOWED, warnings: ["two\nlines"] }, "a warning would be dropped"],
    ["a warning with half a character", { ...ALLOWED, warnings: ["\ud83d"] }, "a warning would be dropped"],
    ["a warning given twice", { ...ALLOWED, warnings: ["hi", "hi"] }, "a warning is given twice"],
    [
      "audit annotations that are no map",
      { ...ALLOWED, auditAnnotations: ["codes"] },
      "response.auditAnnotations is not a map",
    ],
    [
      "an audit annotation with a slash",
      { ...ALLOWED, auditAnnotations: { "a/b": "A" } },
      "the audit annotation a/b would be dropped",
    ],
    ["an audit annotation that is no string", { ...ALLOWED, auditAnnotations: { codes: 1 } }, longValue],
    ["an audit annotation of 257 characters", { ...ALLOWED, auditAnnotations: { codes: "x".repeat(257) } }, longValue],
  ])("%s", (_name, response, expected) => {
    expect(verify(response)).toEqual([expected]);
  });
});
