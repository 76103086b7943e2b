/** Every right that the shipped roles give, with the code that needs it. A role with another right fails the tests. */
import { ACCOUNTS, type Account } from "./accounts.ts";
import { readDocuments } from "./installation.ts";

export interface Grant {
  readonly verb: string;
  /** With its group: `deployments.apps`. */
  readonly resource: string;
  /** Of the one object, where RBAC can bind the verb to it. */
  readonly name?: string;
}

/** What asks for it in the words of RBAC, and so names it when it is missing. */
export interface UsedGrant extends Grant {
  readonly usedBy: string;
}

const MUTATING = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
const VALIDATING = "validatingwebhookconfigurations.admissionregistration.k8s.io";

const READ_AND_PATCH_OURS: readonly UsedGrant[] = [MUTATING, VALIDATING].flatMap((resource) =>
  ["get", "patch"].map((verb) => ({
    verb,
    resource,
    name: "portcullis",
    usedBy: "src/cluster/webhook-configurations.ts",
  })),
);

const OUR_DEPLOYMENT = {
  resource: "deployments.apps",
  name: "portcullis",
  usedBy: "src/cluster/deployments.ts",
} as const;

export const GRANTS: Readonly<Record<Account, readonly UsedGrant[]>> = {
  init: [
    ...READ_AND_PATCH_OURS,
    { verb: "create", resource: MUTATING, usedBy: "src/cluster/webhook-configurations.ts" },
    { verb: "create", resource: VALIDATING, usedBy: "src/cluster/webhook-configurations.ts" },
    {
      verb: "get",
      resource: "clusterroles.rbac.authorization.k8s.io",
      name: "portcullis-init",
      usedBy: "src/cluster/clusterroles.ts",
    },
    { verb: "list", resource: "pods", usedBy: "src/cluster/pods.ts" },
  ],
  register: [
    ...READ_AND_PATCH_OURS,
    { verb: "get", ...OUR_DEPLOYMENT },
    { verb: "create", resource: "configmaps", usedBy: "src/cluster/canary.ts" },
  ],
  rotate: [
    { verb: "get", ...OUR_DEPLOYMENT },
    { verb: "patch", ...OUR_DEPLOYMENT },
  ],
  cleanup: [MUTATING, VALIDATING].flatMap((resource) => [
    { verb: "list", resource, usedBy: "src/cluster/labelled-configurations.ts" },
    { verb: "delete", resource, usedBy: "src/cluster/labelled-configurations.ts" },
  ]),
};

interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Role {
  readonly kind: "Role" | "ClusterRole";
  readonly metadata: object;
  readonly rules: readonly PolicyRule[];
}

/** The account's Role and ClusterRole, as they ship. */
export function rolesOf(account: Account): readonly Role[] {
  return readDocuments(ACCOUNTS[account]).filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
}

/** One for each verb on each resource, and on each name where there are names. */
export function grantsOf({ rules }: Role): readonly Grant[] {
  return rules.flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((plural) =>
        verbs.flatMap((verb) => {
          const resource = group === "" ? plural : `${plural}.${group}`;
          return resourceNames === undefined
            ? [{ verb, resource }]
            : resourceNames.map((name) => ({ verb, resource, name }));
        }),
      ),
    ),
  );
}

/** The role with a rule for each of its rights but this one. */
export function takeAway(role: Role, taken: Grant): Role {
  const left = grantsOf(role).filter((grant) => describeGrant(grant) !== describeGrant(taken));
  const rules = left.map(({ verb, resource, name }) => {
    const [plural = "", group = ""] = resource.split(/\.(.*)/s);
    return {
      apiGroups: [group],
      resources: [plural],
      ...(name === undefined ? {} : { resourceNames: [name] }),
      verbs: [verb],
    };
  });
  return { ...role, rules };
}

/** `get deployments.apps "portcullis"`. */
export function describeGrant({ verb, resource, name }: Grant): string {
  return `${verb} ${resource}${name === undefined ? "" : ` "${name}"`}`;
}
