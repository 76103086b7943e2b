/** What the API server need not send, as CEL over the object that it holds: labels are strings there, and never null. */
import { celField, celString, celStringAt } from "../../kube/cel.ts";
import type { PrefilterQuery } from "../rule.ts";
import type { CompiledParams, LabelChoice } from "./params.ts";

const OWN_LABELS = "object.metadata.labels";
/** The labels of each resource's Pods that `findDrift` compares. */
const TEMPLATE_LABELS: Readonly<Record<string, string>> = {
  "deployments.apps": "object.spec.template.metadata.labels",
  "statefulsets.apps": "object.spec.template.metadata.labels",
  "daemonsets.apps": "object.spec.template.metadata.labels",
  "jobs.batch": "object.spec.template.metadata.labels",
  "cronjobs.batch": "object.spec.jobTemplate.spec.template.metadata.labels",
};

export function prefilterLabels({ phase, resource, params }: PrefilterQuery<CompiledParams>): string | undefined {
  return phase === "mutate" ? lacksDefault(params) : mayBeAtFault(params, resource);
}

/** True for an object to which `findDefaults` adds something. */
function lacksDefault({ choices }: CompiledParams): string | undefined {
  const conditions = choices
    .filter((choice) => choice.default !== undefined)
    .map((choice) => {
      const [first = "", ...others] = choice.anyOf;
      return `!(${[hasKey(first), ...others.map((key) => isMet(choice, key))].join(" || ")})`;
    });
  return conditions.length === 0 ? undefined : conditions.join(" || ");
}

/** False only where every choice is met and no label differs from the template's: no code is left that could fire. */
function mayBeAtFault({ choices, forbiddenPrefixes }: CompiledParams, resource: string): string | undefined {
  const isSimple = ({ where, allowedRegex }: LabelChoice) => where === "metadata" && allowedRegex === undefined;
  if (forbiddenPrefixes.length > 0 || !choices.every(isSimple)) return undefined;

  const unmet = choices.map((choice) => `!(${choice.anyOf.map((key) => isMet(choice, key)).join(" || ")})`);
  const template = Object.hasOwn(TEMPLATE_LABELS, resource) ? TEMPLATE_LABELS[resource] : undefined;
  const keys = new Set(choices.flatMap(({ anyOf }) => anyOf));
  const drifts = template === undefined ? [] : [...keys].map((key) => `(${isDrift(key, template)})`);
  return [...unmet, ...drifts].join(" || ");
}

function isMet({ allowEmpty }: LabelChoice, key: string): string {
  return allowEmpty ? hasKey(key) : `${celStringAt(OWN_LABELS, key)} != ''`;
}

function hasKey(key: string): string {
  return `${celField(OWN_LABELS)}[?${celString(key)}].hasValue()`;
}

function isDrift(key: string, template: string): string {
  const [own, handedOn] = [celStringAt(OWN_LABELS, key), celStringAt(template, key)];
  return `${own} != '' && ${handedOn} != '' && ${own} != ${handedOn}`;
}
