/** What every check of the rule is given: the Ingress or HTTPRoute, read once, and whether it is static. */
import { type KubernetesObject, labelOf } from "../../kube/objects.ts";
import type { RuleInput, Severity, Violation } from "../rule.ts";
import { HTTP_ROUTES, readHttpRoute } from "./http-route.ts";
import { readIngress } from "./ingress.ts";
import type { CompiledParams } from "./params.ts";
import { bucketOf } from "./rewrites.ts";
import type { Route } from "./route.ts";

export const BUCKET_LABEL = "bucket";

export interface Examination {
  readonly object: KubernetesObject;
  readonly oldObject: KubernetesObject | undefined;
  readonly namespace: string;
  readonly now: Date;
  readonly params: CompiledParams;
  readonly route: Route;
  /** The values of the rewrites before the update, by pointer; empty on CREATE. */
  readonly oldRewrites: ReadonlyMap<string, string>;
  /** Whether it serves a static site, and the rules about buckets hold for it. */
  readonly isStatic: boolean;
  /** The label bucket; undefined when absent or empty. */
  readonly bucket: string | undefined;
}

export type Check = (examination: Examination) => readonly Violation[];

/** A check of what an HTTPRoute doesn't have, or what no controller of Gateway API makes configuration of. */
export function onIngress(check: Check): Check {
  return (examination) => (examination.route.kind === "Ingress" ? check(examination) : []);
}

export function examine({ object, oldObject, request, now, params }: RuleInput<CompiledParams>): Examination {
  const read = request.resource === HTTP_ROUTES ? readHttpRoute : readIngress;
  const route = read(object);
  // Without its labels but with its rewrite, a static site goes on serving a bucket that nobody looks after.
  const keepsServing =
    hasStaticLabels(oldObject, params) && route.rewrites.some(({ target }) => bucketOf(target) !== undefined);
  return {
    object,
    oldObject,
    namespace: request.namespace,
    now,
    params,
    route,
    oldRewrites: new Map(oldObject && read(oldObject).rewrites.map(({ pointer, value }) => [pointer, value])),
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
