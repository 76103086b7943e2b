/** What is in the cluster for the creates through the API server: a namespace a way, and what judges there. */
import { policyOf } from "./policy-sets.ts";
import { DEPLOYMENT } from "./reviews.ts";

export const WAYS = [
  "no webhook",
  "bare webhook",
  "bare webhook, our matchConditions",
  "portcullis",
  "ValidatingAdmissionPolicy",
] as const;
export type Way = (typeof WAYS)[number];

export const NAMESPACES: Readonly<Record<Way, string>> = {
  "no webhook": "bench-none",
  "bare webhook": "bench-bare",
  "bare webhook, our matchConditions": "bench-bare-conditions",
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

export interface BareWebhooks {
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  readonly caPem: string;
  /** Of ours: what the API server evaluates before it calls us. */
  readonly matchConditions: readonly object[];
}

export function bareWebhooks({ service, namespace, port, caPem, matchConditions }: BareWebhooks): object {
  const webhookOf = (name: string, way: Way, conditions: readonly object[]) => ({
    name,
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    failurePolicy: "Fail",
    timeoutSeconds: 10,
    rules: [DEPLOYMENTS],
    namespaceSelector: selectorOf(NAMESPACES[way]),
    matchConditions: conditions,
    clientConfig: {
      service: { name: service, namespace, path: "/validate", port },
      caBundle: Buffer.from(caPem).toString("base64"),
    },
  });
  const webhooks = [
    webhookOf(BARE_WEBHOOK, "bare webhook", []),
    webhookOf(`conditional.${BARE_WEBHOOK}`, "bare webhook, our matchConditions", matchConditions),
  ];
  const metadata = { name: "bare" };
  return { apiVersion: API_VERSION, kind: "ValidatingWebhookConfiguration", metadata, webhooks };
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
