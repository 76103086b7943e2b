/**
 * What passes between the stages of the pipeline: decode, match, evaluate, respond (read review.ts first).
 * No HTTP, no log, no clock here or anywhere in this folder.
 */
import type { JsonPatchOperation } from "../kube/json-patch.ts";
import type { GroupVersionResource, KubernetesObject } from "../kube/objects.ts";
import type { PolicyException } from "../policy/exceptions.ts";
import type { Phase, Policy } from "../policy/policy.ts";
import type { PolicyIndex } from "../policy/policy-index.ts";
import type { Severity, Violation } from "../rules/rule.ts";

/** One call of the API server, before its body is read. */
export interface Call {
  readonly phase: Phase;
  /** The part of the path after the phase; empty for the default entry. */
  readonly entry: string;
  readonly now: Date;
  /** `performance.now()` when the call arrived. */
  readonly receivedAtMs: number;
  /** True once the API server has stopped waiting; asked between policies. */
  readonly isPastDeadline: () => boolean;
}

export type Operation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

/** The request of an AdmissionReview v1, decoded and checked as far as portcullis reads it. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: Operation;
  readonly kind: string;
  readonly resource: GroupVersionResource;
  /** Empty where the request is about the object itself. */
  readonly subResource: string;
  /** Empty while the API server has not generated a name. */
  readonly name: string;
  readonly namespace: string;
  readonly username: string;
  readonly groups: readonly string[];
  readonly dryRun: boolean;
  /** Present on CREATE and UPDATE. */
  readonly object?: KubernetesObject;
  /** Present on UPDATE and DELETE. */
  readonly oldObject?: KubernetesObject;
}

/** Why a request is allowed without any policy being asked. */
export type SkipReason = "operation" | "subresource" | "being-deleted" | "mirror-pod";

/** What becomes of one violation. */
export type Effect =
  /** Refused. */
  | "deny"
  /** A warning to the user. */
  | "warn"
  /** Only in the audit annotations. */
  | "audit"
  /** Was wrong before this update: a warning, whatever the policy says. */
  | "existing"
  /** Let through by an exception; in the audit annotations like the others. */
  | "excepted";

export interface JudgedViolation {
  readonly policy: Policy;
  readonly violation: Violation;
  /** After the policy's severities. */
  readonly severity: Severity;
  readonly effect: Effect;
  /** With the effect "excepted". */
  readonly exception?: PolicyException;
  /** That exception ends within days, and then the violation is refused. */
  readonly isLapsing?: boolean;
}

/** A refusal that is not a policy's: of the canary, or of a ConfigMap with bad policies. */
export interface Refusal {
  readonly message: string;
  readonly causes: readonly StatusCause[];
}

export interface Outcome {
  readonly allowed: boolean;
  /** In the order of the policies' names, then as the rule gives them. */
  readonly judged: readonly JudgedViolation[];
  readonly patches: readonly JsonPatchOperation[];
  readonly skipped?: SkipReason;
  readonly refusal?: Refusal;
  /** Warnings that are not about violations. */
  readonly notices?: readonly string[];
}

/** Told of every review that got a verdict, and under which policies. */
export interface Recorder {
  reviewed(call: Call, request: AdmissionRequest, outcome: Outcome, policies: PolicyIndex): void;
}

/** AdmissionReview as it goes back to the API server. */
export interface AdmissionReview {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly response: AdmissionResponse;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: {
    readonly code: number;
    readonly reason: string;
    readonly message: string;
    readonly details?: { readonly causes: readonly StatusCause[] };
  };
  /** Base64 of the JSON Patch; only together with patchType. */
  readonly patch?: string;
  readonly patchType?: "JSONPatch";
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}
