/** The pipeline without HTTP, from the bytes of a review to those of its answer, as the API server looks at both. */
import { fileURLToPath } from "node:url";
import jsonPatch from "fast-json-patch";
import { review } from "../../src/admission/review.ts";
import type { AdmissionResponse } from "../../src/admission/types.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { loadPolicies } from "../../src/policy/load.ts";
import type { Phase, Policy } from "../../src/policy/policy.ts";
import type { PolicyIndex } from "../../src/policy/policy-index.ts";
import { rules } from "../../src/rules/index.ts";
import { bytesOf, callOf, patchesOf, reviewOf } from "./reviews.ts";
import { verifyResponse } from "./verify-response.ts";

export interface PipelineAnswer {
  readonly response: AdmissionResponse;
  /** What the API server would find wrong with it. */
  readonly problems: readonly string[];
}

const SILENT = { reviewed: () => undefined };

export function askPipeline(
  policies: PolicyIndex,
  phase: Phase,
  request: Readonly<Record<string, unknown>>,
  entry = "",
): PipelineAnswer {
  const body = JSON.stringify(review(callOf({ phase, entry }), bytesOf(reviewOf(request)), policies, SILENT));
  const { uid, object } = request;
  const problems = verifyResponse({
    phase,
    uid: String(uid),
    object,
    status: 200,
    contentType: "application/json",
    body,
  });
  return { response: JSON.parse(body).response, problems };
}

/** The object as the API server has it after the answer, by another's implementation of patches. */
export function patchedBy(response: AdmissionResponse, object: KubernetesObject): KubernetesObject {
  return jsonPatch.applyPatch(structuredClone(object), patchesOf(response), true).newDocument;
}

/** What is shipped, those that are switched off included. */
export function shippedPolicies(): readonly Policy[] {
  const directory = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
  return [...loadPolicies(directory, rules), ...loadPolicies(`${directory}/optional`, rules)];
}
