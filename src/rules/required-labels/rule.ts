import { setLabels } from "../../kube/json-patch.ts";
import { groupResource, labelOf, recordList } from "../../kube/objects.ts";
import { NO_VERDICT, type ResourceRule, type Rule, type RuleInput } from "../rule.ts";
import { findDefaults, labelsWith, withLabels } from "./defaults.ts";
import { findDrift } from "./drift.ts";
import { type LabelledObject, labelPlacesOf } from "./label-places.ts";
import { type CompiledParams, compileParams, type Params, paramsSchema } from "./params.ts";
import { prefilterLabels } from "./prefilter.ts";
import { findUnmetChoices } from "./required.ts";
import { findReservedLabels } from "./reserved.ts";

const operations = ["CREATE", "UPDATE"] as const;

/** No ReplicaSets, Endpoints, Leases or Events: nobody writes those by hand. */
const resources: readonly ResourceRule[] = [
  { group: "", version: "v1", resources: ["pods", "services", "persistentvolumeclaims", "namespaces"], operations },
  { group: "apps", version: "v1", resources: ["deployments", "statefulsets", "daemonsets"], operations },
  { group: "batch", version: "v1", resources: ["jobs", "cronjobs"], operations },
  { group: "networking.k8s.io", version: "v1", resources: ["ingresses"], operations },
];

const judgedResources = new Set(
  resources.flatMap((row) => row.resources.map((resource) => groupResource({ ...row, resource }))),
);

export const requiredLabels: Rule<Params, CompiledParams> = {
  id: "required-labels",
  summary:
    "Require labels on objects and on the Pods that they make, add defaults, and keep reserved labels to those who may set them",
  resources,
  // Who updates an object has read it: what is missing then was taken away.
  mutates: resources.map((row) => ({ ...row, operations: ["CREATE"] })),
  mutatesWith: ({ hasDefaults }) => hasDefaults,
  codes: [
    {
      code: "LBL-MISSING",
      severity: "error",
      summary: "none of the wanted labels is set on the object, or only an empty one",
    },
    {
      code: "LBL-TEMPLATE",
      severity: "error",
      summary: "the same on the template of its Pods or Jobs, where the policy asks for it",
    },
    { code: "LBL-VALUE", severity: "error", summary: "a wanted label has a value that allowedRegex does not match" },
    {
      code: "LBL-DRIFT",
      severity: "warning",
      summary: "a wanted label has one value on the object and another on its template",
    },
    {
      code: "LBL-FORBIDDEN",
      severity: "error",
      summary: "a label under a reserved prefix is set, changed or removed by a user without the privilege",
    },
  ],
  paramsSchema,
  compile: compileParams,
  prefilter: prefilterLabels,

  evaluate(input) {
    const { operation, object, oldObject, request, params, mutate, patchesOnly } = input;
    if (!judgedResources.has(request.resource) || isMadeByController(input)) return NO_VERDICT;
    const isSolver = isChallengeSolver(input);
    const places = labelPlacesOf(request.resource, object);
    const isPatched = params.hasDefaults && mutate && operation === "CREATE" && !isSolver && Boolean(object.metadata);
    const added = isPatched ? findDefaults(params.choices, places) : NOTHING;
    const patches = added === NOTHING ? [] : setLabels(object, labelsWith(places, added));
    if (patchesOnly) return { violations: [], patches };
    const labelled: LabelledObject = {
      resource: request.resource,
      operation,
      places: added === NOTHING ? places : places.map((place) => withLabels(place, added)),
      oldPlaces: oldObject ? labelPlacesOf(request.resource, oldObject) : [],
    };
    const required = isSolver
      ? []
      : [...findUnmetChoices(params.choices, labelled), ...findDrift(params.choiceByKey, labelled.places)];
    return {
      violations: [...required, ...findReservedLabels(params, request.username, labelled)],
      patches,
    };
  },
};

const NOTHING = {};

/** Refusing such an object would tell a controller, not the user: the one that it is made from is judged instead. */
function isMadeByController({ object, request }: RuleInput<unknown>): boolean {
  if (!request.trustedController) return false;
  // The claims of a StatefulSet have no owner unless its retention policy says so.
  if (request.resource === "persistentvolumeclaims") return true;
  return recordList(object.metadata, "ownerReferences").some(({ controller }) => controller === true);
}

const SOLVER_LABEL = "acme.cert-manager.io/http01-solver";
const SOLVER_RESOURCES = ["pods", "services", "ingresses.networking.k8s.io"];

/** What cert-manager makes for the minute of an HTTP-01 challenge. The label is anybody's: it lifts no reservation. */
function isChallengeSolver({ object, request }: RuleInput<unknown>): boolean {
  return SOLVER_RESOURCES.includes(request.resource) && labelOf(object, SOLVER_LABEL) === "true";
}
