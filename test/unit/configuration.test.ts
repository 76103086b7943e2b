import { describe, expect, it } from "vitest";
import { type ConfigurationOrder, newConfiguration } from "../../src/registration/configuration.ts";
import { desiredWebhooks } from "../../src/registration/desired.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";

const TARGET = { service: "portcullis", namespace: "policy", servicePort: 443, excludeNamespaces: [] };
const RULE = ruleThatFinds();
const policies = [
  policyOf(RULE, {}, "closed"),
  policyOf(RULE, { match: { objectSelector: { matchLabels: { tier: "gold" } } } }, "closed-too"),
  policyOf(RULE, { failurePolicy: "Ignore" }, "open"),
];
const validating = desiredWebhooks("validate", policies, TARGET);
const mutating = desiredWebhooks("mutate", policies, TARGET);
const LABELS = {
  "app.kubernetes.io/name": "portcullis",
  "app.kubernetes.io/managed-by": "portcullis-init",
  "portcullis.dev/namespace": "policy",
  "portcullis.dev/service": "portcullis",
  "admissions.enforcer/disabled": "true",
  "velero.io/exclude-from-backup": "true",
};

const ORDER: ConfigurationOrder = {
  kind: "ValidatingWebhookConfiguration",
  name: "webhooks",
  service: "portcullis",
  namespace: "policy",
  webhooks: validating,
  caBundle: "Q0E=",
  firstInstall: "promote",
};

/** The failurePolicy of each webhook, by its name. */
function failurePoliciesOf({ webhooks }: { readonly webhooks: readonly object[] }): object {
  const list = webhooks as readonly { readonly name: string; readonly failurePolicy: string }[];
  return Object.fromEntries(list.map(({ name, failurePolicy }) => [name, failurePolicy]));
}

describe("a new configuration that is to be promoted", () => {
  const configuration = newConfiguration(ORDER);

  it("begins open, and names those that are to fail closed", () => {
    expect(failurePoliciesOf(configuration)).toEqual({
      "validate.portcullis.dev": "Ignore",
      "e40e613b.validate.portcullis.dev": "Ignore",
      "5297f334.validate.portcullis.dev": "Ignore",
      "canary.portcullis.dev": "Ignore",
      "policies.portcullis.dev": "Ignore",
    });
    expect(configuration.metadata).toEqual({
      name: "webhooks",
      labels: LABELS,
      annotations: {
        "portcullis.dev/pending-promotion": "validate.portcullis.dev,e40e613b.validate.portcullis.dev",
      },
    });
  });

  it("is the desired one but for caBundle and failurePolicy", () => {
    expect(configuration).toMatchObject({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
    });
    expect(configuration.webhooks).toEqual(
      validating.map((webhook) => ({
        ...webhook,
        clientConfig: { ...webhook.clientConfig, caBundle: "Q0E=" },
        failurePolicy: "Ignore",
      })),
    );
  });

  it("waits for nothing where every webhook stays open", () => {
    const { metadata } = newConfiguration({ ...ORDER, webhooks: mutating });
    expect(metadata).toEqual({ name: "webhooks", labels: LABELS });
  });

  it("goes when its owner goes, where it has one", () => {
    const owner = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: "init", uid: "1" };
    expect(newConfiguration({ ...ORDER, owner }).metadata.ownerReferences).toEqual([owner]);
    expect(configuration.metadata).not.toHaveProperty("ownerReferences");
  });

  it("doesn't write to what is desired", () => {
    expect(validating[0]?.failurePolicy).toBe("Fail");
    expect(validating[0]?.clientConfig).not.toHaveProperty("caBundle");
  });
});

describe("a new configuration that is to fail closed", () => {
  it("begins as the policies say, and waits for nothing", () => {
    const configuration = newConfiguration({ ...ORDER, firstInstall: "fail" });
    expect(failurePoliciesOf(configuration)).toEqual({
      "validate.portcullis.dev": "Fail",
      "e40e613b.validate.portcullis.dev": "Fail",
      "5297f334.validate.portcullis.dev": "Ignore",
      "canary.portcullis.dev": "Ignore",
      "policies.portcullis.dev": "Ignore",
    });
    expect(configuration.metadata).toEqual({ name: "webhooks", labels: LABELS });
  });
});
