/**
 * What the API server makes of a webhook's answer: VerifyAdmissionResponse of k8s.io/apiserver, and the checks around it
 * in the dispatchers, the warning header and the audit log. Every answer of a server test goes through it.
 */
import jsonPatch from "fast-json-patch";
import type { Phase } from "../../src/policy/policy.ts";

/** One call as the API server sees it. */
export interface AnsweredCall {
  readonly phase: Phase;
  readonly uid: string;
  /** `request.object`; a patch has to apply to it. */
  readonly object?: unknown;
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly body: string;
}

/** https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response-warnings */
const MAX_WARNING_CHARACTERS = 120;
/** Ours, people having no use for more; with the limit above it keeps all of them below the API server's 4096. */
const MAX_WARNINGS = 10;
const MAX_AUDIT_VALUE_CHARACTERS = 256;
/** The part of a qualified name after the slash; the API server puts the webhook's name and the slash in front. */
const AUDIT_KEY = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;\s*[\w-]+=("[^"]*"|[^\s;"]+))*$/;
const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What the API server would take as a failed call, would fail the user's request for, drop or rewrite; one clause each. */
export function verifyResponse(call: AnsweredCall): readonly string[] {
  const { status, contentType, body, uid } = call;
  if (status < 200 || status > 206) return [`the call failed with status ${status}`];
  if (body === "") return ["the body has no length"];
  if (contentType !== undefined && !MEDIA_TYPE.test(contentType))
    return [`Content-Type ${contentType} can't be parsed`];
  const review = parse(body);
  if (!isRecord(review)) return ["the body is not a JSON object"];
  if (review.apiVersion !== "admission.k8s.io/v1" || review.kind !== "AdmissionReview") {
    return [`expected an AdmissionReview of admission.k8s.io/v1, got ${review.kind} of ${review.apiVersion}`];
  }
  const { response } = review;
  if (!isRecord(response)) return ["the response is absent"];
  return [
    ...(response.uid === uid ? [] : [`expected response.uid=${uid}, got ${response.uid}`]),
    ...(typeof response.allowed === "boolean" ? verifyStatus(response) : ["response.allowed is not a boolean"]),
    ...(call.phase === "mutate" ? verifyPatch(response, call.object) : verifyNoPatch(response)),
    ...verifyWarnings(response.warnings),
    ...verifyAuditAnnotations(response.auditAnnotations),
  ];
}

type Fields = Readonly<Record<string, unknown>>;

function verifyStatus({ allowed, status }: Fields): string[] {
  if (allowed === true) return status === undefined ? [] : ["response.status is ignored where the request is allowed"];
  if (!isRecord(status)) return ["a denial without response.status is one without explanation"];
  const { code, message, status: outcome } = status;
  return [
    ...(typeof code === "number" && code >= 400 && code < 600 ? [] : [`status.code ${code} would become 400`]),
    ...(typeof message === "string" && message !== "" ? [] : ["a denial without status.message has no explanation"]),
    ...(outcome === undefined || outcome === "Failure" ? [] : [`status.status ${outcome} would become Failure`]),
  ];
}

function verifyNoPatch({ patch, patchType }: Fields): string[] {
  return [
    ...(patch === undefined ? [] : ["a validating webhook may not return response.patch"]),
    ...(patchType === undefined ? [] : ["a validating webhook may not return response.patchType"]),
  ];
}

function verifyPatch({ allowed, patch, patchType }: Fields, object: unknown): string[] {
  if (patch === undefined && patchType === undefined) return [];
  if (patch === undefined || patch === "") return ["response.patchType without response.patch"];
  if (patchType === undefined || patchType === "") return ["response.patch without response.patchType"];
  if (patchType !== "JSONPatch") return [`response.patchType ${patchType} is not supported`];
  if (typeof patch !== "string" || !BASE64.test(patch)) return ["response.patch is not base64"];
  const operations = parse(Buffer.from(patch, "base64").toString());
  if (!Array.isArray(operations)) return ["response.patch is not a list of operations"];
  if (allowed !== true) return ["response.patch is ignored where the request is denied"];
  if (operations.length === 0) return [];
  // From here on the user's request fails, whatever the failurePolicy.
  if (!isRecord(object)) return ["response.patch on a request without an object"];
  try {
    jsonPatch.applyPatch(structuredClone(object), operations, true);
    return [];
  } catch (error) {
    return [`response.patch does not apply: ${(error as Error).name}`];
  }
}

function verifyWarnings(warnings: unknown): string[] {
  if (warnings === undefined) return [];
  if (!isStringList(warnings)) return ["response.warnings is not a list of strings"];
  return [
    ...(warnings.length > MAX_WARNINGS ? [`${warnings.length} warnings`] : []),
    ...(new Set(warnings).size < warnings.length ? ["a warning is given twice"] : []),
    ...(warnings.some((warning) => [...warning].length > MAX_WARNING_CHARACTERS) ? ["a warning would be cut"] : []),
    ...(warnings.some((warning) => /\p{Cc}|\p{Cs}/u.test(warning)) ? ["a warning would be dropped"] : []),
  ];
}

function verifyAuditAnnotations(annotations: unknown): string[] {
  if (annotations === undefined) return [];
  if (!isRecord(annotations)) return ["response.auditAnnotations is not a map"];
  return Object.entries(annotations).flatMap(([key, value]) => [
    ...(AUDIT_KEY.test(key) ? [] : [`the audit annotation ${key} would be dropped`]),
    ...(typeof value === "string" && [...value].length <= MAX_AUDIT_VALUE_CHARACTERS
      ? []
      : [`the audit annotation ${key} is not a string of at most ${MAX_AUDIT_VALUE_CHARACTERS} characters`]),
  ]);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
