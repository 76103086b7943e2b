/** NS-OWNER and NS-OWNER-CHANGED: two labels say whose namespace it is, from the beginning and to the end. */
import { writeLabel } from "../../kube/label-syntax.ts";
import type { KubernetesObject } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { violationOf } from "./codes.ts";
import { labelPointer, readLabel } from "./labels.ts";
import type { Params } from "./params.ts";

/** One way to write each: two spellings would be two owners. An id of 19 digits fits into 64 bits. */
const OWNER_ID = /^[1-9]\d{0,18}$/;

export function findMissingOwner(object: KubernetesObject, { ownerLabel, ownerIdLabel }: Params): Violation[] {
  const missing = [ownerLabel, ownerIdLabel].flatMap((key) => {
    if (readLabel(object, key)) return [];
    const message = `label ${quoted(key)}, which says whose namespace this is, is missing or empty`;
    return violationOf("NS-OWNER", { path: labelPointer(key), message, fix: fixOf("add", key, undefined) });
  });
  const id = readLabel(object, ownerIdLabel);
  if (!id || OWNER_ID.test(id)) return missing;
  return [
    ...missing,
    violationOf("NS-OWNER", {
      path: labelPointer(ownerIdLabel),
      message: `label ${quoted(ownerIdLabel)} is ${quoted(id)}, which is not a number`,
      fix: `${fixOf("set", ownerIdLabel, undefined)}, with the owner's numeric id`,
      subject: id,
    }),
  ];
}

/** Setting what was missing counts: a namespace without an owner is not there to be taken. */
export function findOwnerChanges(
  object: KubernetesObject,
  oldObject: KubernetesObject,
  { ownerLabel, ownerIdLabel }: Params,
): Violation[] {
  return [ownerLabel, ownerIdLabel].flatMap((key) => {
    const before = readLabel(oldObject, key);
    const after = readLabel(object, key);
    if (before === after) return [];
    const verb = after === undefined ? "remove" : before === undefined ? "set" : "change";
    return violationOf("NS-OWNER-CHANGED", {
      path: labelPointer(key),
      message: `only privileged users may ${verb} label ${quoted(key)} of a namespace that exists`,
      fix: before === undefined ? `remove ${quoted(key)} from metadata.labels` : fixOf("keep", key, before),
      subject: after ?? "",
    });
  });
}

function fixOf(verb: "add" | "set" | "keep", key: string, value: string | undefined): string {
  return `${verb} "${writeLabel(key, value)}" under metadata.labels`;
}
