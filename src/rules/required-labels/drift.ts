/** LBL-DRIFT: a required label with one value on the object and another on its Pods. */
import { fieldPath, jsonPointer } from "../../kube/json-pointer.ts";
import { writeLabel } from "../../kube/label-syntax.ts";
import { stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import type { LabelPlace } from "./label-places.ts";
import { isAccepted, type LabelChoice } from "./params.ts";

export function findDrift(choiceByKey: ReadonlyMap<string, LabelChoice>, places: readonly LabelPlace[]): Violation[] {
  const own = places.find(({ level }) => level === "object");
  const template = places.find(({ level }) => level === "podTemplate");
  if (own === undefined || template === undefined) return [];

  const violations: Violation[] = [];
  for (const [key, choice] of choiceByKey) {
    const ownValue = stringField(own.labels, key);
    const templateValue = stringField(template.labels, key);
    // An empty value is one that is missing, not one that differs.
    if (!ownValue || !templateValue || ownValue === templateValue) continue;
    // A selector may hang on the template's value, so that one stays where it can.
    const [value, place] = isAccepted(choice, templateValue) ? [templateValue, own] : [ownValue, template];
    violations.push({
      code: "LBL-DRIFT",
      severity: "warning",
      path: `${own.pointer}${jsonPointer(key)}`,
      message: `label ${quoted(key)} is ${quoted(ownValue)} here and ${quoted(templateValue)} in ${fieldPath(template.pointer)}`,
      fix: `set "${writeLabel(key, value)}" under ${fieldPath(place.pointer)}`,
      subject: `${ownValue},${templateValue}`,
    });
  }
  return violations;
}
