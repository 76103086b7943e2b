/** NS-POD-SECURITY: without the label the cluster's default applies, which is the laxest level unless somebody set another. */
import { writeLabel } from "../../kube/label-syntax.ts";
import type { KubernetesObject } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { violationOf } from "./codes.ts";
import { labelPointer, readLabel } from "./labels.ts";
import type { Params } from "./params.ts";

const ENFORCE = "pod-security.kubernetes.io/enforce";
/** From the laxest to the strictest. */
const LEVELS: readonly string[] = ["privileged", "baseline", "restricted"] satisfies readonly Params["podSecurity"][];

export function judgePodSecurity(object: KubernetesObject, { podSecurity }: Params): Violation[] {
  const level = readLabel(object, ENFORCE);
  const path = labelPointer(ENFORCE);
  if (!level) {
    const suggested = podSecurity === "privileged" ? "baseline" : podSecurity;
    const fix = `add "${writeLabel(ENFORCE, suggested)}" under metadata.labels`;
    return [violationOf("NS-POD-SECURITY", { path, message: `label ${quoted(ENFORCE)} is missing`, fix })];
  }
  // What is no level is the API server's to refuse.
  if (!LEVELS.includes(level) || LEVELS.indexOf(level) >= LEVELS.indexOf(podSecurity)) return [];
  return [
    violationOf("NS-POD-SECURITY", {
      path,
      message: `label ${quoted(ENFORCE)} is ${quoted(level)}, and the policy asks for ${quoted(podSecurity)} at least`,
      fix: `set "${writeLabel(ENFORCE, podSecurity)}" under metadata.labels`,
      subject: level,
    }),
  ];
}
