/** LBL-DRIFT: a required label with one value on the object and another on its Pods. */
import { fieldPath, jsonPointer } from "../../kube/json-pointer.ts";
import { writeLabel } from "../../kube/label-syntax.ts";
import { stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import type { LabelPlace } from "./label-places.ts";
import { isAccepted, type LabelChoice } from "./params.ts";

export function findDrift(choices: readonly LabelChoice[], places: readonly LabelPlace[]): Violation[] {
  const own = places.find(({ level }) => level === "object");
  const template = places.find(({ level }) => level === "podTemplate");
  if (own === undefined || template === undefined) return [];

  // By key: a policy may ask for the same key twice, once for each place.
  const choiceByKey = new Map(choices.flatMap((choice) => choice.anyOf.map((key) => [key, choice] as const)));
  return [...choiceByKey].flatMap(([key, choice]) => {
    const ownValue = stringField(own.labels, key);
    const templateValue = stringField(template.labels, key);
    // An empty value is one that is missing, not one that differs.
    if (!ownValue || !templateValue || ownValue === templateValue) return [];
    // A selector may hang on the template's value, so that one stays where it can.
    const [value, place] = isAccepted(choice, templateValue) ? [templateValue, own] : [ownValue, template];
    return {
      code: "LBL-DRIFT",
      severity: "warning",
      path: `${own.pointer}${jsonPointer(key)}`,
      message: `label ${quoted(key)} is ${quoted(ownValue)} here and ${quoted(templateValue)} in ${fieldPath(template.pointer)}`,
      fix: `set "${writeLabel(key, value)}" under ${fieldPath(place.pointer)}`,
      subject: `${ownValue},${templateValue}`,
    };
  });
}
