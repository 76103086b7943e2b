/** A configuration that somebody else looks after: other CAs, other people's webhooks, and fields that no client knows yet. */
import { issueCertificates } from "../../src/tls/issue.ts";
import type { StoredConfiguration, StoredWebhook } from "./configuration-store.ts";
import { CONFIG_NAME, ENVIRONMENT, NOW } from "./init-run.ts";

const DAY_MS = 86_400_000;
const OUR_SERVICE = { name: ENVIRONMENT.WEBHOOK_SERVICE, namespace: ENVIRONMENT.WEBHOOK_NAMESPACE };

/** Of another Pod of our Service. */
export function issueCa(podUid: string): string {
  const { caPem } = issueCertificates({
    names: { service: OUR_SERVICE.name, namespace: OUR_SERVICE.namespace },
    podUid,
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(NOW.getTime() - DAY_MS),
    notAfter: new Date(NOW.getTime() + DAY_MS),
  });
  return caPem;
}

export function toBundle(...pems: readonly string[]): string {
  return Buffer.from(pems.join("")).toString("base64");
}

/** Two webhooks that call our Service, trusting `caPems`; one that calls another, one by URL. */
export function existingConfiguration(...caPems: readonly string[]): StoredConfiguration {
  const caBundle = toBundle(...caPems);
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    metadata: {
      name: CONFIG_NAME,
      uid: "b7e2",
      labels: { "app.kubernetes.io/managed-by": "gitops" },
      managedFields: [{ manager: "gitops", fieldsV1: { "f:webhooks": {} } }],
    },
    webhooks: [
      webhook("first.example.org", { service: { ...OUR_SERVICE, path: "/first", port: 8443 }, caBundle }),
      webhook("by-url.example.org", { url: "https://example.org/review", caBundle: toBundle("not ours") }),
      webhook("other.example.org", { service: { ...OUR_SERVICE, namespace: "elsewhere" } }),
      webhook("last.example.org", { service: { ...OUR_SERVICE, fieldOfTomorrow: [1] }, caBundle, verifyDepth: 1.5 }),
    ],
    fieldOfTomorrow: { list: [{ name: "a", value: null }], empty: {} },
  };
}

function webhook(name: string, clientConfig: StoredWebhook["clientConfig"]): StoredWebhook {
  return {
    fieldOfTomorrow: "kept",
    name,
    clientConfig,
    rules: [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"], tier: 2 }],
    failurePolicy: "Fail",
    matchConditions: [{ name: "none", expression: "false" }],
    sideEffects: "None",
    timeoutSeconds: 7,
    admissionReviewVersions: ["v1", "v2"],
  };
}
