/**
 * Static sites out of object storage: an Ingress or HTTPRoute whose label `bucket` and whose rewrite must name the same
 * bucket, which a switch to a new bucket changes together. And what makes any of them dangerous to the controller that
 * all share.
 */
import { celStringAt } from "../../kube/cel.ts";
import { applyPatches } from "../../kube/json-patch.ts";
import type { ResourceRule, Rule } from "../rule.ts";
import { addedRewrite } from "./added-rewrite.ts";
import { checkRiskyAnnotations, checkSnippets } from "./annotation-checks.ts";
import { CODES } from "./codes.ts";
import { BUCKET_LABEL, type Check, examine, onIngress } from "./examination.ts";
import { checkBucketLabel, checkRequiredLabels } from "./label-checks.ts";
import { type CompiledParams, compileParams, type Params, paramsSchema } from "./params.ts";
import { checkPathInjection, checkPathTypes } from "./path-checks.ts";
import { checkDialects, checkMismatch, checkRewritePresence, checkRewriteSafety } from "./rewrite-checks.ts";
import { checkBackends, checkClass, checkHosts, checkTls } from "./routing-checks.ts";
import { checkCaptures, checkTails } from "./tail-checks.ts";

/** In the order of the codes. */
const CHECKS: readonly Check[] = [
  checkRequiredLabels,
  checkRewritePresence,
  checkDialects,
  checkRewriteSafety,
  checkMismatch,
  checkBucketLabel,
  checkTails,
  checkCaptures,
  onIngress(checkPathTypes),
  onIngress(checkPathInjection),
  onIngress(checkSnippets),
  onIngress(checkRiskyAnnotations),
  checkBackends,
  checkHosts,
  onIngress(checkClass),
  onIngress(checkTls),
];

const JUDGED = { version: "v1", operations: ["CREATE", "UPDATE"] } as const satisfies Partial<ResourceRule>;

export const ingressBucket: Rule<Params, CompiledParams> = {
  id: "ingress-bucket",
  summary:
    "Keep the bucket label and the rewrite of a static site together, and every Ingress harmless to its controller.",
  resources: [
    { group: "networking.k8s.io", resources: ["ingresses"], ...JUDGED },
    { group: "gateway.networking.k8s.io", resources: ["httproutes"], ...JUDGED },
  ],
  // The rewrite of an HTTPRoute is in its spec, which is nobody's to patch.
  mutates: [{ group: "networking.k8s.io", version: "v1", resources: ["ingresses"], operations: ["CREATE"] }],
  mutatesWith: ({ addRewrite }) => addRewrite !== "off",
  codes: CODES,
  paramsSchema,
  compile: compileParams,
  // What could be wrong with a path or an annotation is too much for an expression; what is added is not.
  prefilter: ({ phase }) =>
    phase === "mutate" ? `${celStringAt("object.metadata.labels", BUCKET_LABEL)} != ''` : undefined,
  evaluate(input) {
    const written = examine(input);
    const patches = input.mutate ? addedRewrite(input.operation, written) : [];
    if (input.patchesOnly) return { violations: [], patches };
    // What the patch repairs is not reported.
    const examination =
      patches.length === 0 ? written : examine({ ...input, object: applyPatches(input.object, patches) });
    return { violations: CHECKS.flatMap((check) => check(examination)), patches };
  },
};
