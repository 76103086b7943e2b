/** Golden: what the shipped policies register, in full. A change here is a change to every cluster that is upgraded. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadPolicies } from "../../src/policy/load.ts";
import { desiredWebhooks } from "../../src/registration/desired.ts";
import { rules } from "../../src/rules/index.ts";

const TARGET = { service: "portcullis", namespace: "policy", servicePort: 443, excludeNamespaces: ["velero"] };
const policies = loadPolicies(fileURLToPath(new URL("../../manifests/policies", import.meta.url)), rules);

/** What every entry of ours says alike. */
function entry(name: string, path: string, timeoutSeconds: number) {
  return {
    name,
    clientConfig: { service: { name: "portcullis", namespace: "policy", path, port: 443 } },
    matchPolicy: "Equivalent",
    sideEffects: "None",
    timeoutSeconds,
    admissionReviewVersions: ["v1"],
  };
}

/** What the API server sends only where there may be a verdict. */
const PREFILTERED = [
  "cronjobs.batch",
  "daemonsets.apps",
  "deployments.apps",
  "jobs.batch",
  "persistentvolumeclaims",
  "pods",
  "statefulsets.apps",
];

const EVERYWHERE_ELSE = {
  matchExpressions: [
    {
      key: "kubernetes.io/metadata.name",
      operator: "NotIn",
      values: ["kube-system", "kube-public", "kube-node-lease", "policy", "velero"],
    },
  ],
};

describe("the shipped policies", () => {
  it("ask for one validating entry, and two for our own namespace", () => {
    const both = ["CREATE", "UPDATE"];
    expect(desiredWebhooks("validate", policies, TARGET)).toEqual([
      {
        ...entry("validate.portcullis.dev", "/validate", 5),
        rules: [
          {
            apiGroups: [""],
            apiVersions: ["v1"],
            operations: both,
            resources: ["persistentvolumeclaims", "pods"],
            scope: "Namespaced",
          },
          {
            apiGroups: ["apps"],
            apiVersions: ["v1"],
            operations: both,
            resources: ["daemonsets", "deployments", "statefulsets"],
            scope: "Namespaced",
          },
          {
            apiGroups: ["batch"],
            apiVersions: ["v1"],
            operations: both,
            resources: ["cronjobs", "jobs"],
            scope: "Namespaced",
          },
          {
            apiGroups: ["gateway.networking.k8s.io"],
            apiVersions: ["v1"],
            operations: both,
            resources: ["httproutes"],
            scope: "Namespaced",
          },
          {
            apiGroups: ["networking.k8s.io"],
            apiVersions: ["v1"],
            operations: both,
            resources: ["ingresses"],
            scope: "Namespaced",
          },
        ],
        failurePolicy: "Fail",
        namespaceSelector: EVERYWHERE_ELSE,
        // What they say is proved on a real API server, in test/cluster/lockout.test.ts and prefilters.test.ts.
        matchConditions: ["not-being-deleted", "not-made-by-a-controller", ...PREFILTERED].map((name) => ({
          name,
          expression: expect.any(String),
        })),
      },
      {
        ...entry("canary.portcullis.dev", "/validate/canary", 5),
        rules: [
          {
            apiGroups: [""],
            apiVersions: ["v1"],
            operations: ["CREATE"],
            resources: ["configmaps"],
            scope: "Namespaced",
          },
        ],
        failurePolicy: "Ignore",
        namespaceSelector: {
          matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: ["policy"] }],
        },
        objectSelector: { matchLabels: { "portcullis.dev/canary": "true" } },
      },
      {
        ...entry("policies.portcullis.dev", "/validate/policies", 5),
        rules: [
          { apiGroups: [""], apiVersions: ["v1"], operations: both, resources: ["configmaps"], scope: "Namespaced" },
        ],
        failurePolicy: "Ignore",
        namespaceSelector: {
          matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: ["policy"] }],
        },
        objectSelector: { matchLabels: { "portcullis.dev/policies": "true" } },
      },
    ]);
  });

  it("ask for one mutating entry, for the creation of Pods", () => {
    expect(desiredWebhooks("mutate", policies, TARGET)).toEqual([
      {
        ...entry("mutate.portcullis.dev", "/mutate", 2),
        rules: [
          { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"], scope: "Namespaced" },
        ],
        failurePolicy: "Ignore",
        namespaceSelector: EVERYWHERE_ELSE,
        matchConditions: [{ name: "pods", expression: expect.any(String) }],
        reinvocationPolicy: "IfNeeded",
      },
    ]);
  });
});
