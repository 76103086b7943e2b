/**
 * Velero's file system backup: which volumes of a Pod it reads, and the hooks it runs, are annotations on the Pod that
 * Velero itself never complains about. Velero reads Pods only, so Pods alone are patched, and templates are judged by
 * the Pods that they will make.
 */
import { setAnnotations } from "../../kube/json-patch.ts";
import { stringField } from "../../kube/objects.ts";
import { controllerKind } from "../../kube/owners.ts";
import type { ResourceRule, Rule, RuleInput, Violation } from "../rule.ts";
import { type BackedUpPod, backedUpPodOf, isExcluded } from "./backed-up-pod.ts";
import { CODES } from "./codes.ts";
import { judgeHooks } from "./hooks.ts";
import { judgeText } from "./list-text.ts";
import { judgeOptInLists, judgeOptOutLists, pathOf } from "./lists.ts";
import { type Params, paramsSchema } from "./params.ts";
import { judgePlacement } from "./placement.ts";
import { prefilter } from "./prefilter.ts";
import { NO_REPAIRS, repairsOf } from "./repairs.ts";
import { BACKUP_VOLUMES, EXCLUDED_VOLUMES } from "./volume-list.ts";

const JUDGED = { version: "v1", operations: ["CREATE", "UPDATE"] } as const satisfies Partial<ResourceRule>;

export const veleroBackup: Rule<Params> = {
  id: "velero-backup",
  summary: "Name the claim volumes of a Pod for Velero's file system backup, and refuse names that are not its volumes",
  resources: [
    { group: "", resources: ["pods", "persistentvolumeclaims"], ...JUDGED },
    { group: "apps", resources: ["deployments", "statefulsets", "daemonsets"], ...JUDGED },
    { group: "batch", resources: ["jobs", "cronjobs"], ...JUDGED },
  ],
  // A patched template would be a change for its controller to roll out: CREATE of Pods, nothing else.
  mutates: [{ group: "", version: "v1", resources: ["pods"], operations: ["CREATE"] }],
  mutatesWith: (params) => params.mode === "opt-in",
  codes: CODES,
  paramsSchema,
  prefilter,
  evaluate(input) {
    const { object, request, params, patchesOnly } = input;
    const pod = backedUpPodOf(request.resource, object);
    const repairs = pod && isRepaired(input, pod) ? repairsOf(pod, params) : NO_REPAIRS;
    return {
      patches: request.resource === "pods" ? setAnnotations(object, repairs) : [],
      violations:
        patchesOnly || isMadeByController(input)
          ? []
          : [...(pod ? judgePod(input, pod, repairs) : []), ...judgePlacement(object, pod, params)],
    };
  },
};

/** Whether this Pod, or the Pods of this template, get their list from the mutating webhook. */
function isRepaired({ operation, object, request, params, mutate }: RuleInput<Params>, pod: BackedUpPod): boolean {
  if (!mutate || params.mode !== "opt-in" || isExcluded(pod)) return false;
  if (request.resource !== "pods") return true;
  // The owner is only claimed, but a forged Job gains nothing: its Pod goes without a list and is told so.
  return operation === "CREATE" && (params.includeJobs || controllerKind(object) !== "Job");
}

/** Nobody would read the message: whoever wrote the owner, or the claim template, has had it. */
function isMadeByController({ object, request }: RuleInput<Params>): boolean {
  if (!request.trustedController) return false;
  return request.resource === "persistentvolumeclaims" || controllerKind(object) !== undefined;
}

function judgePod(
  { request, params }: RuleInput<Params>,
  pod: BackedUpPod,
  repairs: Readonly<Record<string, string>>,
): Violation[] {
  // Velero skips what carries the label, and the Pods of Jobs once they have finished.
  const isJob = request.resource === "jobs.batch" || request.resource === "cronjobs.batch";
  if (isExcluded(pod) || (isJob && !params.includeJobs)) return [];
  if (params.mode === "off") return judgeHooks(pod);
  if (params.mode === "opt-out") {
    const excluded = stringField(pod.annotations, EXCLUDED_VOLUMES) ?? "";
    return [
      ...judgeText(EXCLUDED_VOLUMES, pathOf(pod, EXCLUDED_VOLUMES), excluded, "error"),
      ...judgeOptOutLists(pod),
      ...judgeHooks(pod),
    ];
  }
  const repaired = repairs === NO_REPAIRS ? pod : { ...pod, annotations: { ...pod.annotations, ...repairs } };
  const lasting = stringField(repaired.annotations, BACKUP_VOLUMES) ?? "";
  // A Pod loses its spaces before it is stored; a template keeps them, and only its Pods are right.
  const written = request.resource === "pods" ? lasting : (stringField(pod.annotations, BACKUP_VOLUMES) ?? "");
  return [
    ...judgeText(BACKUP_VOLUMES, pathOf(pod, BACKUP_VOLUMES), written, written === lasting ? "error" : "warning"),
    ...judgeOptInLists(repaired, params),
    ...judgeHooks(pod),
  ];
}
