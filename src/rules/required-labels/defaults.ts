/** What the mutating webhook adds to a new object: for each choice of which it has no key, the first with the policy's default. */
import { type StringMap, stringField } from "../../kube/objects.ts";
import type { LabelMap, LabelPlace } from "./label-places.ts";
import { isAccepted, type LabelChoice } from "./params.ts";

/** Labels to add to the object's own. None of them is there already, not even with an empty value. */
export function findDefaults(choices: readonly LabelChoice[], places: readonly LabelPlace[]): StringMap {
  const own = places.find(({ level }) => level === "object")?.labels ?? {};
  const template = places.find(({ level }) => level === "podTemplate")?.labels ?? {};
  const added = new Map<string, string>();
  const read = (key: string) => stringField(own, key) ?? added.get(key);
  for (const choice of choices) {
    const [first] = choice.anyOf;
    if (choice.default === undefined || first === undefined || read(first) !== undefined) continue;
    // A value that the pattern refuses is still somebody's choice: it is reported, not covered up by another label.
    const isSet = choice.anyOf.some((key) => (read(key) === "" ? choice.allowEmpty : read(key) !== undefined));
    if (!isSet) added.set(first, templateValue(choice, template, first) ?? choice.default);
  }
  return Object.fromEntries(added);
}

/** What the Pods have goes before the default: it would be drift. */
function templateValue(choice: LabelChoice, template: LabelMap, key: string): string | undefined {
  const value = stringField(template, key);
  return value && isAccepted(choice, value) ? value : undefined;
}

export function withLabels(place: LabelPlace, added: StringMap): LabelPlace {
  return place.level === "object" ? { ...place, labels: { ...place.labels, ...added } } : place;
}

/**
 * All labels that the object is to have, for `setLabels`. With them are those of a Job's template, as long as it has none of
 * its own: the API server gives it those, but no longer once one is set.
 */
export function labelsWith(places: readonly LabelPlace[], added: StringMap): StringMap {
  if (Object.keys(added).length === 0) return {};
  const own = Object.entries(places.find(({ level }) => level === "object")?.labels ?? {});
  // An empty key can't be patched; the API server has none.
  const strings = own.filter((entry): entry is [string, string] => entry[0] !== "" && typeof entry[1] === "string");
  return { ...Object.fromEntries(strings), ...added };
}
