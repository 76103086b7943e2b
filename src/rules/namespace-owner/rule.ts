/**
 * Namespaces that belong to somebody: the name follows from the login, so that there is one for each owner and none for two,
 * and the labels that say whose it is stay as they are. Whether a login and an id belong together is nothing that a
 * request tells: whoever creates the namespaces knows.
 */
import { matchesGlob } from "../../kube/glob.ts";
import { stringField } from "../../kube/objects.ts";
import { NO_VERDICT, type Rule } from "../rule.ts";
import { CODES, violationOf } from "./codes.ts";
import { judgeName } from "./name.ts";
import { findMissingOwner, findOwnerChanges } from "./owner.ts";
import { checkParams, type Params, paramsSchema } from "./params.ts";
import { judgePodSecurity } from "./pod-security.ts";

/** Makes the namespaces that every cluster has. */
const API_SERVER = "system:apiserver";

export const namespaceOwner: Rule<Params> = {
  id: "namespace-owner",
  summary: "Keep namespaces to their owners: a name made of the login, labels that stay, and no reserved name",
  resources: [{ group: "", version: "v1", resources: ["namespaces"], operations: ["CREATE", "UPDATE"] }],
  codes: CODES,
  paramsSchema,
  compile: checkParams,

  evaluate({ operation, object, oldObject, request, params }) {
    if (request.resource !== "namespaces") return NO_VERDICT;
    const isPrivileged = request.username === API_SERVER || params.privilegedUsers.includes(request.username);
    // The request has a namespace's own name, too, but none before a generateName has become one.
    const name = stringField(object.metadata, "name") || request.namespace;
    const pattern = params.reservedNames.find((candidate) => matchesGlob(candidate, name));
    if (pattern !== undefined) {
      // It belongs to the cluster: there is no owner to ask for, and what is there may be updated.
      const isRefused = operation === "CREATE" && !isPrivileged;
      return isRefused ? { violations: [describeReserved(pattern, params)], patches: [] } : NO_VERDICT;
    }
    return {
      violations: [
        ...judgeName(name, operation, object, params),
        ...findMissingOwner(object, params),
        ...(isPrivileged || !oldObject ? [] : findOwnerChanges(object, oldObject, params)),
        ...judgePodSecurity(object, params),
      ],
      patches: [],
    };
  },
};

function describeReserved(pattern: string, { namePrefix }: Params) {
  return violationOf("NS-RESERVED", {
    path: "/metadata/name",
    message: `only privileged users may create a namespace with this name: ${JSON.stringify(pattern)} is reserved`,
    fix: `choose another name, such as one that begins with "${namePrefix}"`,
    subject: pattern,
  });
}
