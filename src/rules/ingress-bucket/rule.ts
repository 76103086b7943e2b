/**
 * Static sites out of object storage: an Ingress whose label `bucket` and whose rewrite must name the same bucket, which
 * a switch to a new bucket changes together. And what makes any Ingress dangerous to the controller that all share.
 */
import type { Rule } from "../rule.ts";
import { checkRiskyAnnotations, checkSnippets } from "./annotation-checks.ts";
import { CODES } from "./codes.ts";
import { type Check, examine } from "./examination.ts";
import { checkBucketLabel, checkRequiredLabels } from "./label-checks.ts";
import { type CompiledParams, compileParams, type Params, paramsSchema } from "./params.ts";
import { checkCaptures, checkPathInjection, checkPathTypes, checkTails } from "./path-checks.ts";
import { checkDialects, checkMismatch, checkRewritePresence, checkRewriteSafety } from "./rewrite-checks.ts";
import { checkBackends, checkClass, checkHosts, checkTls } from "./routing-checks.ts";

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
  checkPathTypes,
  checkPathInjection,
  checkSnippets,
  checkRiskyAnnotations,
  checkBackends,
  checkHosts,
  checkClass,
  checkTls,
];

export const ingressBucket: Rule<Params, CompiledParams> = {
  id: "ingress-bucket",
  summary:
    "Keep the bucket label and the rewrite of a static Ingress together, and every Ingress harmless to its controller.",
  resources: [
    { group: "networking.k8s.io", version: "v1", resources: ["ingresses"], operations: ["CREATE", "UPDATE"] },
  ],
  codes: CODES,
  paramsSchema,
  compile: compileParams,
  evaluate(input) {
    const examination = examine(input);
    return { violations: CHECKS.flatMap((check) => check(examination)), patches: [] };
  },
};
