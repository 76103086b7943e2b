/** The label to set in place of a missing or wrong one, as far as the object itself tells. */
import { fieldPath } from "../../kube/json-pointer.ts";
import { isLabelValue } from "../../kube/label-syntax.ts";
import { nearMiss } from "../../kube/near-miss.ts";
import { stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { LabelledObject, LabelPlace } from "./label-places.ts";
import { isAccepted, type LabelChoice } from "./params.ts";

export interface Suggestion {
  readonly key: string;
  /** Absent when nothing at hand tells it. */
  readonly value?: string;
  /** Where it comes from, as a remark in a message. */
  readonly hint?: string;
}

/** Looks at the same place before the update, then at the object's other labels, then for a key that resembles one. */
export function suggestLabel(
  choice: LabelChoice,
  keys: readonly string[],
  place: LabelPlace,
  { places, oldPlaces }: LabelledObject,
): Suggestion {
  const before = oldPlaces.filter(({ pointer }) => pointer === place.pointer);
  for (const source of [...before, ...places]) {
    for (const key of keys) {
      const value = suggestedValue(choice, source, key);
      if (value === undefined) continue;
      if (source.pointer === place.pointer) return { key, value, hint: `this update removes ${quoted(key)}` };
      return { key, value, hint: `${fieldPath(source.pointer)} has ${quoted(key)}` };
    }
  }
  // The schema asks for at least one key.
  return suggestNearMiss(choice, keys, place) ?? { key: keys[0] ?? "" };
}

function suggestNearMiss(choice: LabelChoice, keys: readonly string[], place: LabelPlace): Suggestion | undefined {
  // Sorted, so that the answer doesn't hang on the order of the keys in a map.
  const present = Object.keys(place.labels).sort();
  for (const key of keys) {
    const near = nearMiss(key, present);
    if (near === undefined) continue;
    const value = suggestedValue(choice, place, near);
    return { key, hint: `${quoted(near)} is not ${quoted(key)}`, ...(value === undefined ? {} : { value }) };
  }
  return undefined;
}

function suggestedValue(choice: LabelChoice, source: LabelPlace, key: string): string | undefined {
  const value = stringField(source.labels, key);
  return value && isLabelValue(value) && isAccepted(choice, value) ? value : undefined;
}
