import { LABEL_KEY, LABEL_VALUE } from "../kube/label-syntax.ts";
import type { Rule } from "../rules/rule.ts";
import { ENFORCEMENT_MODES } from "./enforcement.ts";

const A_LABEL_VALUE = { type: "string", pattern: LABEL_VALUE } as const;

/** What the API server refuses is refused here: it would refuse the webhooks, and couldn't name the policy. */
const LABEL_SELECTOR = {
  type: "object",
  description: "A Kubernetes label selector; the API server matches it.",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    matchLabels: {
      type: "object",
      propertyNames: { pattern: LABEL_KEY },
      additionalProperties: A_LABEL_VALUE,
      description: "Labels and their values.",
    },
    matchExpressions: {
      type: "array",
      description: "Requirements that must all hold.",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["key", "operator"],
        properties: {
          key: { type: "string", pattern: LABEL_KEY, description: "The label." },
          operator: { enum: ["In", "NotIn", "Exists", "DoesNotExist"], description: "How the label is compared." },
          values: { type: "array", minItems: 1, items: A_LABEL_VALUE, description: "For In and NotIn." },
        },
        allOf: [
          {
            if: { properties: { operator: { enum: ["In", "NotIn"] } }, required: ["operator"] },
            // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
            then: { required: ["values"] },
          },
          {
            if: { properties: { operator: { enum: ["Exists", "DoesNotExist"] } }, required: ["operator"] },
            // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
            then: { properties: { values: false } },
          },
        ],
      },
    },
  },
} as const;

const SUBJECTS = {
  type: "array",
  minItems: 1,
  items: {
    type: "object",
    additionalProperties: false,
    required: ["kind", "name"],
    properties: {
      kind: { enum: ["User", "Group", "ServiceAccount"], description: "As in a RoleBinding." },
      name: { type: "string", minLength: 1, maxLength: 253, description: "`*` stands for any run of characters." },
      namespace: { type: "string", minLength: 1, maxLength: 63, description: "Of a ServiceAccount; `*` as in name." },
    },
    allOf: [
      {
        if: { properties: { kind: { const: "ServiceAccount" } }, required: ["kind"] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { required: ["namespace"] },
      },
      {
        if: { properties: { kind: { enum: ["User", "Group"] } }, required: ["kind"] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { properties: { namespace: false } },
      },
    ],
  },
} as const;

const USERNAMES = { type: "array", items: { type: "string", minLength: 1 } } as const;
const GLOBS = { type: "array", minItems: 1, items: { type: "string", minLength: 1, maxLength: 253 } } as const;

/** What Kubernetes takes as the name of an object: RFC 1123 subdomain. */
const OBJECT_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

const API_VERSION = { const: "portcullis.dev/v1alpha1", description: "Version of this format." } as const;

function metadataOf(nameIsFor: string) {
  return {
    type: "object",
    additionalProperties: false,
    required: ["name"],
    description: "As in any Kubernetes object.",
    properties: {
      name: { type: "string", pattern: OBJECT_NAME, maxLength: 253, description: nameIsFor },
      labels: { type: "object", additionalProperties: { type: "string" }, description: "Not used." },
      annotations: { type: "object", additionalProperties: { type: "string" }, description: "Not used." },
    },
  } as const;
}

/** What every document has, around a spec of its own. */
function documentSchema<const Kind extends string, const Spec extends object>(
  kind: Kind,
  nameIsFor: string,
  spec: Spec,
) {
  return {
    type: "object",
    additionalProperties: false,
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: {
      apiVersion: API_VERSION,
      kind: { const: kind, description: "Kind of document." },
      metadata: metadataOf(nameIsFor),
      spec,
    },
  } as const;
}

const EXCEPTION_FIELDS = {
  namespaces: { ...GLOBS, description: "Namespaces by name, `*` stands for any run of characters; without it, all." },
  names: {
    ...GLOBS,
    description: "Objects by name, or by generateName where there is none yet; `*` as above; without it, all.",
  },
  codes: {
    type: "array",
    minItems: 1,
    uniqueItems: true,
    items: { type: "string" },
    description: "Codes of the rule; without it, all.",
  },
  until: { type: "string", description: "The last day on which it holds, YYYY-MM-DD, to 24:00 UTC." },
  reason: { type: "string", minLength: 1, maxLength: 200, description: "Why, for example a ticket; warnings show it." },
} as const;

/** JSON Schema of an Exception document. */
export const EXCEPTION_SCHEMA = documentSchema("Exception", "Name of the exception; it appears in metrics.", {
  type: "object",
  additionalProperties: false,
  required: ["policies", "until", "reason"],
  anyOf: [{ required: ["namespaces"] }, { required: ["names"] }],
  description: "What is let through, and for how long.",
  properties: {
    policies: {
      type: "array",
      minItems: 1,
      uniqueItems: true,
      items: { type: "string" },
      description: "Names of the policies that it is about.",
    },
    ...EXCEPTION_FIELDS,
  },
});

/** JSON Schema of an Enforcement document. */
export const ENFORCEMENT_SCHEMA = documentSchema("Enforcement", "Name of the document; not used.", {
  type: "object",
  additionalProperties: false,
  required: ["mode"],
  description: "How far all policies are in force.",
  properties: {
    mode: {
      enum: ENFORCEMENT_MODES,
      description:
        "enforce: as the policies say. auditOnly: nothing is refused, Deny warns and is audited. enforceLabelled: as they say in namespaces labelled portcullis.dev/enforce=true, elsewhere as in auditOnly.",
    },
  },
});

/**
 * JSON Schema of a Policy document, with `spec.params` left open: each rule's paramsSchema checks those, with its own
 * defaults, once `spec.rule` is known.
 */
export function policySchema(rules: readonly Rule[]) {
  return documentSchema("Policy", "Name of the policy; it appears in messages, metrics and the audit log.", {
    type: "object",
    additionalProperties: false,
    required: ["rule"],
    description: "What the policy asks for.",
    properties: {
      rule: { enum: rules.map((rule) => rule.id), description: "The rule that judges." },
      params: { type: "object", default: {}, description: "The rule's parameters." },
      match: {
        type: "object",
        additionalProperties: false,
        default: {},
        description: "The requests that the policy is about; without it, all that the rule knows.",
        properties: {
          resources: {
            type: "array",
            minItems: 1,
            uniqueItems: true,
            items: { type: "string" },
            description: "Resources as kubectl writes them with their group: `pods`, `deployments.apps`.",
          },
          operations: {
            type: "array",
            minItems: 1,
            uniqueItems: true,
            items: { enum: ["CREATE", "UPDATE"] },
            description: "CREATE, UPDATE or both.",
          },
          namespaces: {
            type: "object",
            additionalProperties: false,
            minProperties: 1,
            description: "Namespaces by name; `*` stands for any run of characters.",
            properties: {
              include: { ...GLOBS, description: "Only these." },
              exclude: { ...GLOBS, description: "Not these." },
            },
          },
          subjects: {
            type: "object",
            additionalProperties: false,
            minProperties: 1,
            description: "Who asks, in the form of RBAC.",
            properties: {
              include: { ...SUBJECTS, description: "Only these." },
              exclude: { ...SUBJECTS, description: "Not these." },
            },
          },
          namespaceSelector: LABEL_SELECTOR,
          objectSelector: LABEL_SELECTOR,
        },
      },
      mutate: { type: "boolean", description: "Whether the rule may patch; by default as the rule can." },
      validationActions: {
        type: "array",
        minItems: 1,
        uniqueItems: true,
        default: ["Deny"],
        items: { enum: ["Deny", "Warn", "Audit"] },
        not: { allOf: [{ contains: { const: "Deny" } }, { contains: { const: "Warn" } }] },
        description: "What a violation of severity error leads to. Deny and Warn exclude each other.",
      },
      failurePolicy: {
        enum: ["Fail", "Ignore"],
        default: "Fail",
        description: "What the API server does with a request that the validating webhook can't answer.",
      },
      severities: {
        type: "object",
        default: {},
        additionalProperties: { enum: ["error", "warning", "off"] },
        description: "Other severities for the rule's codes.",
      },
      promoteWarnings: {
        type: "boolean",
        default: false,
        description: "Treat violations of severity warning as errors.",
      },
      ratchet: {
        type: "boolean",
        default: true,
        description: "Whether an update may keep what was wrong before it; it is then warned of.",
      },
      exceptions: {
        type: "array",
        default: [],
        description: "What is let through for a while.",
        items: {
          type: "object",
          additionalProperties: false,
          required: ["until", "reason"],
          anyOf: [{ required: ["namespaces"] }, { required: ["names"] }],
          properties: EXCEPTION_FIELDS,
        },
      },
      trustedControllers: {
        ...USERNAMES,
        default: [],
        description: "Accounts, besides kube-system's controllers, whose ownerReferences are believed.",
      },
      restoreServiceAccounts: {
        ...USERNAMES,
        default: ["system:serviceaccount:velero:velero"],
        description: "Accounts that restore backups: for them every error is a warning.",
      },
      message: { type: "string", minLength: 1, maxLength: 500, description: "Text in front of the rule's own." },
      runbookURL: { type: "string", pattern: "^https?://", maxLength: 500, description: "Where to read more." },
    },
  });
}
