import type { FromSchema, JSONSchema } from "json-schema-to-ts";
import { matchesGlob } from "../../kube/glob.ts";
import { LABEL_KEY, LABEL_KEY_LENGTH } from "../../kube/label-syntax.ts";
import { InvalidParams } from "../rule.ts";

const labelKey = { type: "string", maxLength: LABEL_KEY_LENGTH, pattern: LABEL_KEY } as const;

export const paramsSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    loginLabel: {
      ...labelKey,
      description: "The label with the owner's GitHub login, of which the name of the namespace is made.",
      default: "portcullis.dev/github-login",
    },
    ownerLabel: {
      ...labelKey,
      description: "The label that names the owner.",
      default: "portcullis.dev/owner",
    },
    ownerIdLabel: {
      ...labelKey,
      description: "The label with the owner's numeric id, which outlives a change of login.",
      default: "portcullis.dev/owner-id",
    },
    namePrefix: {
      type: "string",
      description:
        "What the name of an owner's namespace begins with: lower-case letters, digits and hyphens, the last one a hyphen.",
      pattern: "^[a-z]([a-z0-9]|-[a-z0-9])*-$",
      maxLength: 20,
      default: "u-",
    },
    reservedNames: {
      type: "array",
      description: "Names of namespaces that only privilegedUsers may create; `*` stands for any run of characters.",
      items: { type: "string", minLength: 1, maxLength: 63 },
      default: ["kube-*", "openshift-*", "default"],
    },
    privilegedUsers: {
      type: "array",
      description: "Usernames, written out in full, who may create reserved names and change who owns a namespace.",
      items: { type: "string", minLength: 1 },
      default: [],
    },
    podSecurity: {
      enum: ["privileged", "baseline", "restricted"],
      description: "The least strict level that pod-security.kubernetes.io/enforce may have.",
      default: "privileged",
    },
  },
} as const satisfies JSONSchema;

export type Params = FromSchema<typeof paramsSchema>;

/** Throws InvalidParams where no owner could ever have a namespace. */
export function checkParams(params: Params): Params {
  const reserved = params.reservedNames.find((pattern) => matchesGlob(pattern, `${params.namePrefix}login`));
  if (reserved === undefined) return params;
  const message = `names that begin with it are reserved by ${JSON.stringify(reserved)} in reservedNames`;
  throw new InvalidParams([{ pointer: "/namePrefix", message }]);
}
