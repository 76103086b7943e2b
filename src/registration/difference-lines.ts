/** A difference for a person's eyes: entry, field, live -> wanted, a line each. */
import type { LabelSelector, LabelSelectorRequirement } from "../kube/selectors.ts";
import { shortDigest } from "../policy/policy-hash.ts";
import type { LiveWebhook } from "./configuration.ts";
import type { DesiredWebhook } from "./desired.ts";
import type { Difference, Field } from "./difference.ts";
import type { MatchCondition } from "./match-conditions.ts";

const NOTHING = "(none)";
/** Enough to recognise an entry by; the rest is the same for all. */
const SUMMARY: readonly Field[] = ["failurePolicy", "rules", "namespaceSelector", "objectSelector"];

export function describeDifference({ added, changed, dropped, kept }: Difference): readonly string[] {
  return [
    ...added.map((webhook) => `${webhook.name}: ${NOTHING} -> ${summarise(webhook)}`),
    ...changed.flatMap(({ live, wanted, fields }) =>
      fields.map((field) => `${wanted.name} ${field}: ${show(field, live[field])} -> ${show(field, wanted[field])}`),
    ),
    ...dropped.map((webhook) => `${webhook.name}: ${summarise(webhook)} -> ${NOTHING}`),
    ...kept.flatMap(({ live, wanted, fields }) =>
      fields.map(
        (field) => `${wanted.name} ${field}: ${show(field, live[field])} is left; wanted ${show(field, wanted[field])}`,
      ),
    ),
  ];
}

function summarise(webhook: DesiredWebhook | LiveWebhook): string {
  return SUMMARY.map((field) => `${field} ${show(field, webhook[field])}`).join(", ");
}

function show(field: Field, value: unknown): string {
  switch (field) {
    case "clientConfig": {
      const { service } = value as DesiredWebhook["clientConfig"];
      return `${service.namespace}/${service.name}:${service.port}${service.path}`;
    }
    case "rules":
      return list((value as DesiredWebhook["rules"] | undefined)?.map(showRule), "; ");
    case "matchConditions":
      return list((value as DesiredWebhook["matchConditions"])?.map(showCondition), ", ");
    case "namespaceSelector":
    case "objectSelector":
      return showSelector((value ?? {}) as LabelSelector);
    default:
      return Array.isArray(value) ? list(value, ",") : String(value ?? NOTHING);
  }
}

/** An expression is too long to be read here; its digest tells that it has changed. */
function showCondition({ name, expression }: MatchCondition): string {
  return `${name} (${shortDigest(expression)})`;
}

type Rule = DesiredWebhook["rules"][number];

function showRule({ apiGroups, apiVersions, resources, operations, scope }: Rule): string {
  const groups = apiGroups.map((group) => (group === "" ? "core" : group)).join("|");
  return `${groups}/${apiVersions.join("|")} ${resources.join(",")} (${operations.join(",")}; ${scope})`;
}

/** As `kubectl --selector` takes it. */
function showSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  return list([...labels, ...matchExpressions.map(showRequirement)], ",");
}

function showRequirement({ key, operator, values = [] }: LabelSelectorRequirement): string {
  switch (operator) {
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
    default:
      return `${key} ${operator.toLowerCase()} (${values.join(",")})`;
  }
}

function list(items: readonly string[] | undefined, separator: string): string {
  return items === undefined || items.length === 0 ? NOTHING : items.join(separator);
}
