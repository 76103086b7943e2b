/** LBL-FORBIDDEN: labels under a reserved prefix that somebody without the privilege sets, changes or removes. */
import { fieldPath, jsonPointer } from "../../kube/json-pointer.ts";
import { writeLabel } from "../../kube/label-syntax.ts";
import { stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import type { LabelledObject, LabelPlace } from "./label-places.ts";
import type { CompiledParams, LabelChoice } from "./params.ts";

/** Labels that the API server itself puts on what a user sends, by group-resource. */
const SET_BY_API_SERVER: Readonly<Record<string, readonly string[]>> = {
  namespaces: ["kubernetes.io/metadata.name"],
  "jobs.batch": ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"],
};

/** Templates count like the object: what a controller makes of them is never judged (see `isMadeByController`). */
export function findReservedLabels(
  { choices, forbiddenPrefixes, privilegedUsers }: CompiledParams,
  username: string,
  { resource, operation, places, oldPlaces }: LabelledObject,
): Violation[] {
  if (forbiddenPrefixes.length === 0 || privilegedUsers.includes(username)) return [];
  // The ratchet judges the old object by itself: what stands there was set by an earlier request.
  if (operation === "UPDATE" && oldPlaces.length === 0) return [];

  const exempt = SET_BY_API_SERVER[resource] ?? [];
  return places.flatMap((place) => {
    const before = oldPlaces.find(({ pointer }) => pointer === place.pointer)?.labels ?? {};
    const keys = new Set([...Object.keys(place.labels), ...Object.keys(before)]);
    return [...keys].sort().flatMap((key) => {
      const prefix = forbiddenPrefixes.find((candidate) => key.startsWith(candidate));
      if (prefix === undefined || exempt.includes(key)) return [];
      const oldValue = stringField(before, key);
      const newValue = stringField(place.labels, key);
      if (operation === "CREATE" && choices.some((choice) => isDefault(choice, place, key, newValue))) return [];
      return oldValue === newValue ? [] : describeChange(place, prefix, key, oldValue, newValue);
    });
  });
}

/** What the rule itself adds when the object is created; who has added it can't be seen afterwards. */
function isDefault(choice: LabelChoice, place: LabelPlace, key: string, value: string | undefined): boolean {
  return (
    place.level === "object" && choice.default !== undefined && choice.anyOf[0] === key && choice.default === value
  );
}

function describeChange(
  place: LabelPlace,
  prefix: string,
  key: string,
  oldValue: string | undefined,
  newValue: string | undefined,
): Violation {
  const verb = newValue === undefined ? "remove" : oldValue === undefined ? "set" : "change";
  const field = fieldPath(place.pointer);
  return {
    code: "LBL-FORBIDDEN",
    severity: "error",
    path: `${place.pointer}${jsonPointer(key)}`,
    message: `only privileged users may ${verb} label ${quoted(key)}: ${quoted(prefix)} is reserved`,
    fix:
      oldValue === undefined
        ? `remove ${quoted(key)} from ${field}`
        : `keep "${writeLabel(key, oldValue)}" under ${field}`,
    subject: newValue ?? "",
  };
}
