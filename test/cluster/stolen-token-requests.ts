/** Requests that a stolen token is tried with. Each is a dry run, so that none changes anything for the next. */
import { loadPolicies } from "../../src/policy/load.ts";
import { type ConfigurationKind, newConfiguration } from "../../src/registration/configuration.ts";
import { desiredWebhooks } from "../../src/registration/desired.ts";
import { rules } from "../../src/rules/index.ts";
import type { ApiRequest } from "../support/api-client.ts";
import { SHIPPED_POLICIES } from "../support/installation.ts";

/** `reason` is part of the refusal's message. */
export type Attempt = readonly [what: string, request: ApiRequest, reason: string];

const DRY_RUN = "?dryRun=All";
export const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1";
export const VALIDATING = `${CONFIGURATIONS}/validatingwebhookconfigurations`;
export const MUTATING = `${CONFIGURATIONS}/mutatingwebhookconfigurations`;
export const DEPLOYMENTS = "/apis/apps/v1/namespaces/portcullis/deployments";
const CONFIG_MAPS = "/api/v1/namespaces/portcullis/configmaps";

/** base64; the API server looks at neither. */
export const BUNDLE = Buffer.from("of ours").toString("base64");
export const OTHER_BUNDLE = Buffer.from("of somebody else").toString("base64");

/** What somebody has added to our configuration. */
export const FOREIGN_WEBHOOK = {
  name: "other.example.com",
  clientConfig: { url: "https://127.0.0.1:9/never" },
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
  rules: [],
};

/** As init creates it. */
// biome-ignore lint/suspicious/noExplicitAny: what the attempts change in it is of many shapes
export function configurationOf(kind: ConfigurationKind): any {
  const target = { service: "portcullis", namespace: "portcullis", servicePort: 443 };
  const phase = kind === "MutatingWebhookConfiguration" ? "mutate" : "validate";
  const policies = loadPolicies(SHIPPED_POLICIES, rules);
  const webhooks = desiredWebhooks(phase, policies, { ...target, excludeNamespaces: ["velero", "cert-manager"] });
  const order = { kind, name: "portcullis", ...target, webhooks, caBundle: BUNDLE, firstInstall: "promote" } as const;
  return structuredClone(newConfiguration(order));
}

export const [VALIDATE, CANARY, POLICIES] = configurationOf("ValidatingWebhookConfiguration").webhooks;
const [MUTATE] = configurationOf("MutatingWebhookConfiguration").webhooks;

/** By a strategic merge; the configuration is ours where no other path is given. */
export function patchObject(body: object, path = `${VALIDATING}/portcullis`): ApiRequest {
  return { method: "PATCH", path: path + DRY_RUN, body, contentType: "application/strategic-merge-patch+json" };
}

export function deleteObject(path: string): ApiRequest {
  return { method: "DELETE", path: path + DRY_RUN };
}

export function createObject(path: string, body: object): ApiRequest {
  return { method: "POST", path: path + DRY_RUN, body };
}

/** The same request, to be carried out. */
export function forReal(request: ApiRequest): ApiRequest {
  return { ...request, path: request.path.replace(DRY_RUN, "") };
}

export function patchWebhook(fields: object): ApiRequest {
  return patchObject({ webhooks: [{ name: VALIDATE.name, ...fields }] });
}

export function patchTemplate(template: object): ApiRequest {
  return patchObject({ spec: { template } }, `${DEPLOYMENTS}/portcullis`);
}

export function createConfigMap(labels: object): ApiRequest {
  return createObject(CONFIG_MAPS, { metadata: { generateName: "canary-", labels } });
}

/** Mutating, since there is none yet. */
export function createMutating({ metadata = {}, webhook = {} }: { metadata?: object; webhook?: object }): ApiRequest {
  const configuration = configurationOf("MutatingWebhookConfiguration");
  const body = {
    ...configuration,
    metadata: { ...configuration.metadata, ...metadata },
    webhooks: [{ ...MUTATE, ...webhook }],
  };
  return createObject(MUTATING, body);
}

export function rulesOf(rule: object): object {
  return { rules: [{ ...VALIDATE.rules[0], ...rule }] };
}
