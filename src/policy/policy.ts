/**
 * A policy: which rule, with which params, on which requests, and what a violation leads to. Loaded from YAML, compiled
 * and frozen. How a rule judges is src/rules; how a review becomes an answer is src/admission.
 */
import { createHash } from "node:crypto";
import type { LabelSelector } from "../kube/selectors.ts";
import type { ResourceRule, Rule, Severity } from "../rules/rule.ts";
import type { PolicyException } from "./exceptions.ts";
import type { SubjectMatch } from "./subjects.ts";

export type ValidationAction = "Deny" | "Warn" | "Audit";
export type FailurePolicy = "Fail" | "Ignore";
export type Phase = "mutate" | "validate";

export interface Policy {
  readonly name: string;
  /** Hex SHA-256 of the spec with its defaults: see policy-hash.ts. */
  readonly specDigest: string;
  readonly rule: Rule;
  /** What rule.compile made of spec.params, ready for rule.evaluate. */
  readonly params: unknown;
  /** The requests that the validating webhook sends for this policy. */
  readonly validates: readonly ResourceRule[];
  /** The same for the mutating webhook; empty where the policy or its rule doesn't patch. */
  readonly mutates: readonly ResourceRule[];
  readonly mutate: boolean;
  readonly namespaces: NamespaceMatch;
  readonly subjects: SubjectMatch;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  /** Of a policy without selectors of its own that enforceLabelled makes two: in namespaces with its label, and in others. */
  readonly half?: "labelled" | "others";
  readonly validationActions: readonly ValidationAction[];
  readonly failurePolicy: FailurePolicy;
  readonly severities: Readonly<Record<string, Severity | "off">>;
  readonly promoteWarnings: boolean;
  /** Whether what was wrong before an update is let through. */
  readonly ratchet: boolean;
  /** Its own, and those of `kind: Exception` that name it. */
  readonly exceptions: readonly PolicyException[];
  readonly trustedControllers: readonly string[];
  readonly restoreServiceAccounts: readonly string[];
  readonly message?: string;
  readonly runbookURL?: string;
}

/** Globs over namespace names. No `include` means every namespace; a cluster-scoped object is in none. */
export interface NamespaceMatch {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

export const DEFAULT_FAILURE_POLICY: FailurePolicy = "Fail";

/** The entry that every webhook configuration has for policies without selectors and with the default failurePolicy. */
export const DEFAULT_ENTRY = "";

/** The entry that is always refused, by which people and programs see that calls arrive. */
export const CANARY_ENTRY = "canary";
/** What that refusal says: by it a dry run knows who refused. */
export const CANARY_MESSAGE = "portcullis is enforcing: this is its canary, which is always refused";

/** The entry that refuses ConfigMaps of ours that hold bad policies. */
export const POLICIES_ENTRY = "policies";

/** The label, with the value "true", of the ConfigMaps that it is about. */
export const POLICIES_LABEL = "portcullis.dev/policies";

/** Namespaces that the webhooks never ask about: who can't be called must not keep a cluster from coming up. */
export const ALWAYS_EXCLUDED_NAMESPACES: readonly string[] = ["kube-system", "kube-public", "kube-node-lease"];

/** What one webhook entry stands for: the API server matches the selectors, since a request carries no namespace labels. */
export interface EntryKey {
  readonly failurePolicy: FailurePolicy;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
}

export function entryKeyOf(phase: Phase, policy: Policy): EntryKey {
  return {
    // A mutation that can't be had never stops a write: mutating entries are always Ignore.
    failurePolicy: phase === "mutate" ? "Ignore" : policy.failurePolicy,
    ...(policy.namespaceSelector ? { namespaceSelector: policy.namespaceSelector } : {}),
    ...(policy.objectSelector ? { objectSelector: policy.objectSelector } : {}),
  };
}

export function hasSelector({ namespaceSelector, objectSelector }: Policy): boolean {
  return namespaceSelector !== undefined || objectSelector !== undefined;
}

/** The last part of the entry's path, `/validate/<entry>`: empty, or 8 hex digits of the SHA-256 of its key. */
export function entryOf(phase: Phase, policy: Policy): string {
  const key = entryKeyOf(phase, policy);
  const isDefault = phase === "mutate" || key.failurePolicy === DEFAULT_FAILURE_POLICY;
  if (isDefault && !key.namespaceSelector && !key.objectSelector) return DEFAULT_ENTRY;
  return createHash("sha256").update(canonicalJson(key)).digest("hex").slice(0, 8);
}

/** JSON with sorted keys: the same selectors, written in another order, are one entry. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
