/** NS-NAME: whose namespace it is can be told from its name. */
import { fieldPath } from "../../kube/json-pointer.ts";
import type { KubernetesObject } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { JudgedOperation, Violation } from "../rule.ts";
import { violationOf } from "./codes.ts";
import { labelPointer, readLabel } from "./labels.ts";
import { nsName } from "./ns-name.ts";
import type { Params } from "./params.ts";

export function judgeName(
  name: string,
  operation: JudgedOperation,
  object: KubernetesObject,
  { loginLabel, namePrefix }: Params,
): Violation[] {
  const login = readLabel(object, loginLabel);
  if (!login) return [];
  const wanted = nsName(login, namePrefix);
  if (name === wanted) return [];
  const pointer = labelPointer(loginLabel);
  const own = quoted(wanted);
  return [
    violationOf("NS-NAME", {
      path: pointer,
      message: `the namespace of ${quoted(login)} is named ${own}, and this one isn't`,
      fix:
        operation === "CREATE"
          ? `name it ${own}`
          : `create ${own}, as a namespace can't be renamed, and correct ${fieldPath(pointer)} here`,
      subject: login,
    }),
  ];
}
