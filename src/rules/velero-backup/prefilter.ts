/** What the API server need not send: objects without a word of Velero's, and without a claim where claims count. */
import { celExists } from "../../kube/cel.ts";
import type { PrefilterQuery } from "../rule.ts";
import type { Params } from "./params.ts";

/** Where each workload keeps its pod template; a Pod is its own. */
const TEMPLATES: Readonly<Record<string, string>> = {
  pods: "object",
  "deployments.apps": "object.spec.template",
  "statefulsets.apps": "object.spec.template",
  "daemonsets.apps": "object.spec.template",
  "jobs.batch": "object.spec.template",
  "cronjobs.batch": "object.spec.jobTemplate.spec.template",
};

export function prefilter({ phase, resource, params, mutate }: PrefilterQuery<Params>): string {
  const template = TEMPLATES[resource] ?? "object";
  const parents = [...new Set(["object", template])];
  if (resource === "cronjobs.batch") parents.push("object.spec.jobTemplate");
  const words = parents.map(hasWordOfVelero);
  if (resource === "statefulsets.apps") words.push(celExists(CLAIM_TEMPLATES, "c", hasWordOfVelero("c")));
  // With the patch, a claim that nobody named is named in the Pod: a template is only at fault for what is written in it.
  const isPod = resource === "pods";
  const judgesClaims = params.mode === "opt-in" && (phase === "mutate" || isPod || !mutate);
  return (judgesClaims ? [...words, ...hasClaims(resource, template, params)] : words).join(" || ");
}

const CLAIM_TEMPLATES = "object.spec.volumeClaimTemplates";

/** All keys that the rule reads, in labels too, where people put them by mistake. */
function hasWordOfVelero(parent: string): string {
  return ["annotations", "labels"]
    .map((map) => celExists(`${parent}.metadata.${map}`, "k", "k.contains('velero.io/')"))
    .join(" || ");
}

function hasClaims(resource: string, template: string, params: Params): readonly string[] {
  const sources = ["has(v.persistentVolumeClaim)", ...(params.includeEmptyDir ? ["has(v.emptyDir)"] : [])];
  const inTemplate = celExists(`${template}.spec.volumes`, "v", sources.join(" || "));
  return resource === "statefulsets.apps" ? [inTemplate, celExists(CLAIM_TEMPLATES, "c", "true")] : [inTemplate];
}
