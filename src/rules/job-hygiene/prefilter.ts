/** What the API server need not send: Jobs and CronJobs in which everything that the rule asks about is said. */
import { celField, celHas, celString } from "../../kube/cel.ts";
import type { PrefilterQuery } from "../rule.ts";
import { CONCURRENCY_POLICIES, type Params } from "./params.ts";

export function prefilter({ resource, params }: PrefilterQuery<Params>): string {
  const isJob = resource === "jobs.batch";
  const job = isJob ? "object.spec" : "object.spec.jobTemplate.spec";
  const terms = [
    lacks(`${job}.activeDeadlineSeconds`),
    `${lacks(`${job}.backoffLimitPerIndex`)} && ${celField(`${job}.backoffLimit`)}.orValue(0) > ${params.maxBackoffLimit}`,
    ...(isJob ? termsOfJob(params) : termsOfCronJob(params)),
  ];
  return terms.map((term) => `(${term})`).join(" || ");
}

function termsOfJob({ requireGenerateName }: Params): readonly string[] {
  return [
    lacks("object.spec.ttlSecondsAfterFinished"),
    ...(requireGenerateName ? [`${celField("object.metadata.generateName")}.orValue('') == ''`] : []),
  ];
}

function termsOfCronJob({ concurrencyPolicies, requireStartingDeadline }: Params): readonly string[] {
  const policy = celField("object.spec.concurrencyPolicy");
  const others = CONCURRENCY_POLICIES.filter((candidate) => !concurrencyPolicies.includes(candidate));
  const isOther = ["", ...others].map((other) => `${policy}.orValue('') == ${celString(other)}`).join(" || ");
  return [
    ...(others.length > 0 ? [isOther] : []),
    ...(requireStartingDeadline ? [lacks("object.spec.startingDeadlineSeconds")] : []),
  ];
}

function lacks(path: string): string {
  return `!${celHas(path)}`;
}
