/** What is in the cluster for the creates through the API server: a namespace a way, and what judges there. */
import { policyOf } from "./policy-sets.ts";
import { DEPLOYMENT } from "./reviews.ts";

export const WAYS = ["no webhook", "bare webhook", "portcullis", "ValidatingAdmissionPolicy"] as const;
export type Way = (typeof WAYS)[number];

export const NAMESPACES: Readonly<Record<Way, string>> = {
  "no webhook": "bench-none",
  "bare webhook": "bench-bare",
  portcullis: "bench-ours",
  ValidatingAdmissionPolicy: "bench-policy",
};
export const BARE_WEBHOOK = "bare.bench.example.org";

/**
 * Asks for labels, one of them of a form. Of labels that need only be there the API server is told by a matchCondition, and
 * sends nothing that has them; a form has no such condition, so that every create is sent.
 */
export const OUR_POLICY = policyOf("workloads-carry-labels", {
  rule: "required-labels",
  params: { labels: [{ anyOf: ["app", "app.kubernetes.io/name"] }, { anyOf: ["team"], allowedRegex: "[a-z]+" }] },
  match: { resources: ["deployments.apps"] },
  validationActions: ["Deny"],
});
const LABELS = "object.metadata.?labels";
const SAME_IN_CEL = [
  `${LABELS}[?'app'].orValue('') != '' || ${LABELS}[?'app.kubernetes.io/name'].orValue('') != ''`,
  `${LABELS}[?'team'].orValue('').matches('^[a-z]+$')`,
];

const API_VERSION = "admissionregistration.k8s.io/v1";
const DEPLOYMENTS = {
  apiGroups: ["apps"],
  apiVersions: ["v1"],
  operations: ["CREATE", "UPDATE"],
  resources: ["deployments"],
};

/** A Service without endpoints: what listens on its ClusterIP is what answers there. */
export function serviceOf(name: string, namespace: string, clusterIP: string, port: number): object {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec: { clusterIP, ports: [{ port }] } };
}

export function bareWebhook(service: string, namespace: string, port: number, caPem: string): object {
  const webhook = {
    name: BARE_WEBHOOK,
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    failurePolicy: "Fail",
    timeoutSeconds: 10,
    rules: [DEPLOYMENTS],
    namespaceSelector: selectorOf(NAMESPACES["bare webhook"]),
    clientConfig: {
      service: { name: service, namespace, path: "/validate", port },
      caBundle: Buffer.from(caPem).toString("base64"),
    },
  };
  const metadata = { name: "bare" };
  return { apiVersion: API_VERSION, kind: "ValidatingWebhookConfiguration", metadata, webhooks: [webhook] };
}

export function admissionPolicy(): readonly object[] {
  const metadata = { name: "bench" };
  const spec = {
    failurePolicy: "Fail",
    matchConstraints: { resourceRules: [DEPLOYMENTS] },
    validations: SAME_IN_CEL.map((expression) => ({ expression })),
  };
  const binding = {
    policyName: metadata.name,
    validationActions: ["Deny"],
    matchResources: { namespaceSelector: selectorOf(NAMESPACES.ValidatingAdmissionPolicy) },
  };
  return [
    { apiVersion: API_VERSION, kind: "ValidatingAdmissionPolicy", metadata, spec },
    { apiVersion: API_VERSION, kind: "ValidatingAdmissionPolicyBinding", metadata, spec: binding },
  ];
}

function selectorOf(namespace: string): object {
  return { matchLabels: { "kubernetes.io/metadata.name": namespace } };
}

export function namespaceOf(name: string): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

/** The Deployment of the reviews, with these labels of its own. */
export function deploymentOf(labels: Readonly<Record<string, string>>): object {
  const { apiVersion, kind, spec } = JSON.parse(DEPLOYMENT.toString()).request.object;
  return { apiVersion, kind, metadata: { name: "wordpress", labels }, spec };
}
