import { describe, expect, it } from "vitest";
import type { Phase, Policy } from "../../src/policy/policy.ts";
import { type DesiredWebhook, desiredWebhooks } from "../../src/registration/desired.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import type { ResourceRule } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, ruleThatFinds } from "../support/policies.ts";

const TARGET = { service: "portcullis", namespace: "policy", servicePort: 443, excludeNamespaces: ["velero"] };
const RULE = ruleThatFinds();

const EVERYWHERE_ELSE = {
  matchExpressions: [
    {
      key: "kubernetes.io/metadata.name",
      operator: "NotIn",
      values: ["kube-system", "kube-public", "kube-node-lease", "policy", "velero"],
    },
  ],
};

function webhooks(phase: Phase, policies: readonly Policy[], target: Partial<typeof TARGET> = {}) {
  return desiredWebhooks(phase, policies, { ...TARGET, ...target });
}

/** All but those of our own namespace, which shipped-webhooks.test.ts holds to their golden form. */
function validating(...policies: readonly Policy[]): readonly DesiredWebhook[] {
  return webhooks("validate", policies).slice(0, -2);
}

function namesOf(list: readonly DesiredWebhook[]): readonly string[] {
  return list.map(({ name }) => name);
}

describe("an entry", () => {
  it("is one for each failurePolicy and selector, the default one first and those of our own namespace last", () => {
    const selector = { matchLabels: { tier: "gold" } };
    const list = webhooks("validate", [
      policyOf(RULE, { failurePolicy: "Ignore" }, "a"),
      policyOf(RULE, { match: { objectSelector: selector } }, "b"),
      policyOf(RULE, {}, "c"),
      policyOf(RULE, { match: { objectSelector: selector } }, "d"),
    ]);
    expect(namesOf(list)).toEqual([
      "validate.portcullis.dev",
      "5297f334.validate.portcullis.dev",
      "e40e613b.validate.portcullis.dev",
      "canary.portcullis.dev",
      "policies.portcullis.dev",
    ]);
    expect(list.map(({ clientConfig }) => clientConfig.service.path)).toEqual([
      "/validate",
      "/validate/5297f334",
      "/validate/e40e613b",
      "/validate/canary",
      "/validate/policies",
    ]);
    expect(list.map(({ failurePolicy }) => failurePolicy)).toEqual(["Fail", "Ignore", "Fail", "Ignore", "Ignore"]);
    expect(list.slice(0, 3).map(({ objectSelector }) => objectSelector)).toEqual([undefined, undefined, selector]);
  });

  it("of a mutating webhook is Ignore whatever the policy says", () => {
    const list = webhooks("mutate", [policyOf(RULE), policyOf(RULE, { failurePolicy: "Ignore" }, "b")]);
    expect(list.map(({ name, failurePolicy }) => [name, failurePolicy])).toEqual([["mutate.portcullis.dev", "Ignore"]]);
  });

  it("is not made for policies that ask for nothing in the phase", () => {
    expect(webhooks("mutate", [policyOf(RULE, { mutate: false })])).toEqual([]);
    expect(namesOf(webhooks("validate", []))).toEqual(["canary.portcullis.dev", "policies.portcullis.dev"]);
  });

  it("keeps a policy's own selector behind the exclusions, so that no label leads past them", () => {
    const namespaceSelector = {
      matchLabels: { tier: "gold" },
      matchExpressions: [{ key: "old", operator: "DoesNotExist" }],
    };
    const [first] = validating(policyOf(RULE, { match: { namespaceSelector } }));
    expect(first?.namespaceSelector).toEqual({
      matchLabels: { tier: "gold" },
      matchExpressions: [...EVERYWHERE_ELSE.matchExpressions, { key: "old", operator: "DoesNotExist" }],
    });
  });

  it("leaves each namespace out once", () => {
    const [first] = webhooks("validate", [policyOf(RULE)], {
      excludeNamespaces: ["velero", "kube-system", "policy", "velero"],
    });
    expect(first?.namespaceSelector).toEqual(EVERYWHERE_ELSE);
  });

  it("calls the Service's own port", () => {
    const ports = webhooks("validate", [policyOf(RULE)], { servicePort: 8443 }).map(
      ({ clientConfig }) => clientConfig.service.port,
    );
    expect(ports).toEqual([8443, 8443, 8443]);
  });
});

describe("the rules of an entry", () => {
  it("are the union of what its policies ask for, by resource", () => {
    const [first] = validating(
      policyOf(RULE, { match: { resources: ["pods"], operations: ["CREATE"] } }, "a"),
      policyOf(RULE, { match: { resources: ["pods"], operations: ["UPDATE"] } }, "b"),
      policyOf(RULE, { match: { resources: ["configmaps"], operations: ["UPDATE"] } }, "c"),
    );
    expect(first?.rules.map(({ resources, operations }) => [resources, operations])).toEqual([
      [["configmaps"], ["UPDATE"]],
      [["pods"], ["CREATE", "UPDATE"]],
    ]);
  });

  it("say Cluster for Namespaces, apart from what is in one", () => {
    const params = { labels: [{ anyOf: ["team"] }] };
    const [first] = validating(policyOf(requiredLabels, { params, match: { resources: ["namespaces", "services"] } }));
    expect(first?.rules.map(({ resources, scope }) => [resources, scope])).toEqual([
      [["namespaces"], "Cluster"],
      [["services"], "Namespaced"],
    ]);
  });

  it("never share an entry between groups or versions", () => {
    const resources: readonly ResourceRule[] = ["v1", "v2"].flatMap((version) =>
      ["a.dev", "b.dev"].map((group) => ({ group, version, resources: ["things"], operations: ["CREATE"] })),
    );
    const [first] = validating(policyOf(ruleOf(RULE.evaluate, { resources })));
    expect(first?.rules.map(({ apiGroups, apiVersions }) => `${apiGroups}/${apiVersions}`)).toEqual([
      "a.dev/v1",
      "a.dev/v2",
      "b.dev/v1",
      "b.dev/v2",
    ]);
  });

  it("don't depend on the order of the policies", () => {
    const [a, b] = ["pods", "configmaps"].map((resource) =>
      policyOf(RULE, { match: { resources: [resource] } }, resource),
    );
    if (!a || !b) throw new Error("there are two");
    expect(validating(a, b)).toEqual(validating(b, a));
  });
});
