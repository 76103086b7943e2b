/** AdmissionReviews and calls, as the API server makes them. */
import { decode } from "../../src/admission/decode.ts";
import type { AdmissionRequest, AdmissionResponse, Call } from "../../src/admission/types.ts";
import type { JsonPatchOperation } from "../../src/kube/json-patch.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";

export const UID = "705ab4f5-6393-11e8-b7cc-42010a800002";

export const POD: KubernetesObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "application", labels: { app: "web" } },
  spec: { containers: [{ name: "web", image: "nginx" }] },
};

/** The `request` of a review: by default the creation of `POD` by alice. */
export function requestOf(parts: object = {}): Readonly<Record<string, unknown>> {
  const pods = { group: "", version: "v1", resource: "pods" };
  const kind = { group: "", version: "v1", kind: "Pod" };
  return {
    uid: UID,
    kind,
    resource: pods,
    requestKind: kind,
    requestResource: pods,
    name: "web",
    namespace: "application",
    operation: "CREATE",
    userInfo: { username: "alice", uid: "alice-uid", groups: ["system:authenticated"] },
    object: POD,
    oldObject: null,
    dryRun: false,
    options: { apiVersion: "meta.k8s.io/v1", kind: "CreateOptions" },
    ...parts,
  };
}

export function updateOf(object: KubernetesObject, oldObject: KubernetesObject, parts: object = {}) {
  return requestOf({ operation: "UPDATE", object, oldObject, ...parts });
}

export function reviewOf(request: unknown): Readonly<Record<string, unknown>> {
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request };
}

export function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** The request as the pipeline has it after its first stage. */
export function decoded(request: unknown = requestOf()): AdmissionRequest {
  return decode(bytesOf(reviewOf(request)));
}

export function callOf(parts: Partial<Call> = {}): Call {
  return {
    phase: "validate",
    entry: "",
    now: new Date("2026-11-21T12:00:00Z"),
    receivedAtMs: 0,
    isPastDeadline: () => false,
    ...parts,
  };
}

export function patchesOf({ patch }: Pick<AdmissionResponse, "patch">): JsonPatchOperation[] {
  return patch === undefined ? [] : (JSON.parse(Buffer.from(patch, "base64").toString()) as JsonPatchOperation[]);
}
