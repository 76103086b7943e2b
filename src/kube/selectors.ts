import { ownValue, type StringMap } from "./objects.ts";

/** A label selector as the API server takes it; for requests it is matched there, never in the server. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values?: readonly string[];
}

/** As the API server matches it: an empty selector, or none, selects everything. NotIn holds for what has no such label. */
export function matchesSelector(selector: LabelSelector | undefined, labels: StringMap | null | undefined): boolean {
  return requirementsOf(selector).every((requirement) => isMet(requirement, ownValue(labels, requirement.key)));
}

function isMet({ operator, values = [] }: LabelSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

/** Whether there are labels that it selects. */
export function isSatisfiable(selector: LabelSelector): boolean {
  const byKey = Map.groupBy(requirementsOf(selector), ({ key }) => key);
  return [...byKey.values()].every((requirements) => {
    const listed = requirements.flatMap(({ operator, values = [] }) => (operator === "In" ? values : []));
    // Absent, one of those listed, or any other: what holds for one other value holds for all of them.
    const candidates = [undefined, ...listed, OTHER_VALUE];
    return candidates.some((value) => requirements.every((requirement) => isMet(requirement, value)));
  });
}

/** No label has it. */
const OTHER_VALUE = "\0";

function requirementsOf({
  matchLabels = {},
  matchExpressions = [],
}: LabelSelector = {}): readonly LabelSelectorRequirement[] {
  const equal = Object.entries(matchLabels).map(([key, value]) => ({ key, operator: "In", values: [value] }) as const);
  return [...equal, ...matchExpressions];
}
