/** LBL-MISSING, LBL-TEMPLATE and LBL-VALUE: whether each choice of labels is met in each place that it asks about. */
import { fieldPath, jsonPointer } from "../../kube/json-pointer.ts";
import { writeLabel } from "../../kube/label-syntax.ts";
import { stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { isUnlabelled, type LabelledObject, type LabelPlace } from "./label-places.ts";
import { isAccepted, type LabelChoice } from "./params.ts";
import { type Suggestion, suggestLabel } from "./suggestion.ts";

export function findUnmetChoices(choices: readonly LabelChoice[], object: LabelledObject): Violation[] {
  const violations: Violation[] = [];
  for (const choice of choices) {
    for (const place of object.places) {
      if (!isAsked(choice, place, object) || isMet(choice, place)) continue;
      violations.push(describeUnmet(choice, place, object));
    }
  }
  return violations;
}

function isAsked({ where }: LabelChoice, place: LabelPlace, { resource, operation }: LabelledObject): boolean {
  // A Pod is what a template makes: there is one place to look, whatever the choice asks about.
  if (resource === "pods") return true;
  if (place.level === "object") return where !== "template";
  // The template of a Job that exists can't be changed: a fault in it is not the user's to repair.
  if (where === "metadata" || (resource === "jobs.batch" && operation === "UPDATE")) return false;
  // Jobs from a job template without labels get those of the pod template, which is asked itself.
  return place.level === "podTemplate" || !isUnlabelled(place);
}

function isMet(choice: LabelChoice, { labels }: LabelPlace): boolean {
  return choice.anyOf.some((key) => {
    const value = stringField(labels, key);
    return value !== undefined && isAccepted(choice, value);
  });
}

function describeUnmet(choice: LabelChoice, place: LabelPlace, object: LabelledObject): Violation {
  const found = choice.anyOf.flatMap((key) => {
    const value = stringField(place.labels, key);
    return value === undefined ? [] : [{ key, value }];
  });

  const missing = { code: place.level === "object" ? "LBL-MISSING" : "LBL-TEMPLATE", severity: "error" } as const;
  const pattern = choice.allowedRegex?.source;
  const wrong = found.find(({ value }) => value !== "") ?? found[0];
  const suggestion = suggestLabel(choice, wrong === undefined ? choice.anyOf : [wrong.key], place, object);
  if (wrong === undefined) {
    const hint = suggestion.hint === undefined ? "" : ` (${suggestion.hint})`;
    return {
      ...missing,
      path: place.pointer,
      message: `${describeMissing(choice.anyOf)}${hint}`,
      fix: describeFix("add", suggestion, place, pattern),
      subject: choice.anyOf.join(","),
    };
  }

  const isEmpty = wrong.value === "";
  const fault = {
    path: `${place.pointer}${jsonPointer(wrong.key)}`,
    fix: describeFix("set", suggestion, place, isEmpty ? pattern : undefined),
    subject: found.map(({ value }) => value).join(","),
  };
  const label = `label ${quoted(wrong.key)} is`;
  if (isEmpty) return { ...missing, ...fault, message: `${label} empty` };
  const message = `${label} ${quoted(wrong.value)}, which does not match ${pattern}`;
  return { code: "LBL-VALUE", severity: "error", ...fault, message };
}

function describeMissing(keys: readonly string[]): string {
  const names = keys.map(quoted).join(", ");
  return keys.length === 1 ? `label ${names} is missing` : `none of the labels ${names} is set`;
}

/** `pattern`: what a value has to match, unless the message says so. */
function describeFix(
  verb: "add" | "set",
  { key, value }: Suggestion,
  place: LabelPlace,
  pattern: string | undefined,
): string {
  const line = `${verb} "${writeLabel(key, value)}" under ${fieldPath(place.pointer)}`;
  return value === undefined && pattern !== undefined ? `${line}, with a value that matches ${pattern}` : line;
}
