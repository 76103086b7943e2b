/** What every check of the rule is given: the Ingress, read once, and whether it is static. */
import { type KubernetesObject, labelOf } from "../../kube/objects.ts";
import type { RuleInput, Severity, Violation } from "../rule.ts";
import { type Ingress, readIngress } from "./ingress.ts";
import type { CompiledParams } from "./params.ts";
import { bucketOf, type Rewrite, rewritesOf } from "./rewrites.ts";

export const BUCKET_LABEL = "bucket";

export interface Examination {
  readonly object: KubernetesObject;
  readonly oldObject: KubernetesObject | undefined;
  readonly namespace: string;
  readonly now: Date;
  readonly params: CompiledParams;
  readonly ingress: Ingress;
  readonly rewrites: readonly Rewrite[];
  /** Whether the Ingress serves a static site, and the rules about buckets hold for it. */
  readonly isStatic: boolean;
  /** The label bucket; undefined when absent or empty. */
  readonly bucket: string | undefined;
}

export type Check = (examination: Examination) => readonly Violation[];

export function examine({ object, oldObject, request, now, params }: RuleInput<CompiledParams>): Examination {
  const rewrites = rewritesOf(object.metadata?.annotations);
  // Without its labels but with its rewrite, a static Ingress goes on serving a bucket that nobody looks after.
  const keepsServing =
    hasStaticLabels(oldObject, params) && rewrites.some(({ value }) => bucketOf(value) !== undefined);
  return {
    object,
    oldObject,
    namespace: request.namespace,
    now,
    params,
    ingress: readIngress(object),
    rewrites,
    isStatic: hasStaticLabels(object, params) || keepsServing,
    bucket: labelOf(object, BUCKET_LABEL) || undefined,
  };
}

function hasStaticLabels(object: KubernetesObject | undefined, { staticLabels }: CompiledParams): boolean {
  return (
    labelOf(object, BUCKET_LABEL) !== undefined ||
    Object.entries(staticLabels).some(([key, value]) => labelOf(object, key) === value)
  );
}

/** Of what is an error on a static Ingress and a warning on any other; an old warning does not excuse a new error. */
export function severityByStatic(isStatic: boolean): Severity {
  return isStatic ? "error" : "warning";
}
