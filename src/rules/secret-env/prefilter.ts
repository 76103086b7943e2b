/** What the API server need not send: objects in which no container has a variable with a value of its own. */
import { celExists } from "../../kube/cel.ts";
import type { PrefilterQuery } from "../rule.ts";
import { CONTAINER_FIELDS } from "./variables.ts";

/** Whatever the policy: no param makes the rule speak of an object without such a variable. */
export function prefilter({ resource }: PrefilterQuery<unknown>): string {
  const hasLiteral = celExists("c.env", "e", "e.?value.orValue('') != ''");
  return Object.keys(CONTAINER_FIELDS)
    .map((field) => celExists(`${templateOf(resource)}.spec.${field}`, "c", hasLiteral))
    .join(" || ");
}

function templateOf(resource: string): string {
  if (resource === "pods") return "object";
  return resource === "cronjobs.batch" ? "object.spec.jobTemplate.spec.template" : "object.spec.template";
}
