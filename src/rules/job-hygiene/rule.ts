/**
 * What keeps Jobs from piling up, from being tried again for ever and from hanging: fields that are easily left out by
 * programs that create Jobs. They are in the spec, so nothing is patched; each warning says the line to add.
 */
import { annotationOf, type KubernetesObject, recordField, stringField } from "../../kube/objects.ts";
import { controllerKind } from "../../kube/owners.ts";
import { quoted } from "../../kube/quoted.ts";
import { NO_VERDICT, type Rule, type RuleInput, type Violation } from "../rule.ts";
import { CODES, warningOf } from "./codes.ts";
import { type JobSpec, judgeBackoff, judgeDeadline, judgeTtl, numberField } from "./job-spec.ts";
import { type Params, paramsSchema } from "./params.ts";
import { prefilter } from "./prefilter.ts";

export const jobHygiene: Rule<Params> = {
  id: "job-hygiene",
  summary: "Warn of Jobs that nothing removes, that are tried again too often or that may run for ever",
  resources: [
    // Who updates a Job that exists is mostly a program that didn't write it, and most of it can't be changed.
    { group: "batch", version: "v1", resources: ["jobs"], operations: ["CREATE"] },
    { group: "batch", version: "v1", resources: ["cronjobs"], operations: ["CREATE", "UPDATE"] },
  ],
  codes: CODES,
  paramsSchema,
  prefilter,
  evaluate(input) {
    const { operation, object, request, params } = input;
    if (isMadeByController(input)) return NO_VERDICT;
    if (request.resource === "cronjobs.batch") return { violations: judgeCronJob(object, params), patches: [] };
    if (request.resource !== "jobs.batch" || operation !== "CREATE") return NO_VERDICT;
    return { violations: judgeJob(object, params), patches: [] };
  },
};

/** Nobody would read the message: a CronJob is judged for its Jobs, and removes them by its own history limits. */
function isMadeByController({ object, request }: RuleInput<Params>): boolean {
  return request.trustedController && controllerKind(object) !== undefined;
}

function judgeJob(object: KubernetesObject, params: Params): Violation[] {
  const job: JobSpec = { pointer: "/spec", fields: recordField(object, "spec") ?? {} };
  return [
    ...(isRemovedAsHook(object) ? [] : judgeTtl(job, params)),
    ...judgeBackoff(job, params),
    ...judgeDeadline(job, params),
    ...judgeName(object, params),
  ];
}

const HOOKS = ["helm.sh/hook", "argocd.argoproj.io/hook"];

/** Helm and Argo CD remove the Job of a hook before they create it again, if they aren't told to do so earlier. */
function isRemovedAsHook(object: KubernetesObject): boolean {
  return HOOKS.some((key) => annotationOf(object, key) !== undefined);
}

/** A name that the API server has generated is there as well as generateName. */
function judgeName(object: KubernetesObject, { requireGenerateName }: Params): Violation[] {
  if (!requireGenerateName || stringField(object.metadata, "generateName")) return [];
  const message = "the name of the Job is fixed, so that it can't be created again while this one is there";
  const fix = 'write "generateName: PREFIX-" under metadata in place of name, and create it: it can\'t be applied';
  return [warningOf("JOB-NAME", { path: "/metadata/name", message, fix })];
}

function judgeCronJob(object: KubernetesObject, params: Params): Violation[] {
  const spec = recordField(object, "spec") ?? {};
  const fields = recordField(recordField(spec, "jobTemplate"), "spec") ?? {};
  const job: JobSpec = { pointer: "/spec/jobTemplate/spec", fields };
  return [
    ...judgeBackoff(job, params),
    ...judgeDeadline(job, params),
    ...judgeConcurrency(spec, params),
    ...judgeStartingDeadline(spec, params),
  ];
}

function judgeConcurrency(spec: Readonly<Record<string, unknown>>, { concurrencyPolicies }: Params): Violation[] {
  // The API server writes Allow where nothing is written.
  const concurrencyPolicy = stringField(spec, "concurrencyPolicy") ?? "Allow";
  const listed: readonly string[] = concurrencyPolicies;
  if (listed.includes(concurrencyPolicy)) return [];
  const message = `the concurrencyPolicy is ${quoted(concurrencyPolicy)}, and not ${listed.join(" or ")}`;
  const fix = `set "concurrencyPolicy: ${listed[0]}" under spec`;
  const subject = concurrencyPolicy;
  return [warningOf("JOB-CONCURRENCY", { path: "/spec/concurrencyPolicy", message, fix, subject })];
}

function judgeStartingDeadline(
  spec: Readonly<Record<string, unknown>>,
  { requireStartingDeadline, startingDeadlineSeconds }: Params,
): Violation[] {
  if (!requireStartingDeadline || numberField(spec, "startingDeadlineSeconds") !== undefined) return [];
  const message = "a run that was missed is made up for, however late it is";
  const fix = `add "startingDeadlineSeconds: ${startingDeadlineSeconds}" under spec`;
  return [warningOf("JOB-STARTING-DEADLINE", { path: "/spec/startingDeadlineSeconds", message, fix })];
}
