/** What RBAC allows an account, and the guard does not. */
import type { Account } from "../support/accounts.ts";
import {
  type Attempt,
  BUNDLE,
  CANARY,
  createConfigMap,
  createMutating,
  DEPLOYMENTS,
  deleteObject,
  FOREIGN_WEBHOOK,
  forReal,
  OTHER_BUNDLE,
  POLICIES,
  patchObject,
  patchTemplate,
  patchWebhook,
  rulesOf,
  VALIDATE,
  VALIDATING,
} from "./stolen-token-requests.ts";

const SECRETS = rulesOf({ apiGroups: [""], apiVersions: ["v1"], resources: ["secrets"] });
const EVERYTHING = rulesOf({ apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"], scope: "*" });
const ANY_VERSION = rulesOf({ apiVersions: ["*"] });
export const BY_URL = { clientConfig: { service: null, url: "https://thief.example.com" } };
const OTHER_NAMESPACE = { clientConfig: { service: { name: "portcullis", namespace: "thief" } } };
const NO_EXCLUSIONS = { namespaceSelector: { matchExpressions: [] } };
const VELERO_INCLUDED = {
  namespaceSelector: {
    matchExpressions: [
      {
        key: "kubernetes.io/metadata.name",
        operator: "NotIn",
        values: ["kube-system", "kube-public", "kube-node-lease", "portcullis", "cert-manager"],
      },
    ],
  },
};
const OWNER = { apiVersion: "v1", kind: "Namespace", name: "gone", uid: "11111111-1111-1111-1111-111111111111" };

const OUR_SERVICE = "a webhook calls the Service portcullis in namespace portcullis, and never a url";
const ONLY_CA_BUNDLE = "portcullis-init changes nothing but the caBundle of a webhook";
const KNOWN_RESOURCES = "a webhook is asked about the resources that the rules of portcullis know";
const KNOWN_OPERATIONS = "a webhook is asked about CREATE and UPDATE of v1, in one scope";
const EXCLUSIONS = "a webhook leaves out the excluded namespaces";
const OUR_METADATA = "metadata of a configuration is not for us to change";
const OUR_ANNOTATIONS = "of the annotations only those of portcullis.dev change, by portcullis-register";
const NO_CA_BUNDLE = "portcullis-register changes no caBundle, and no webhook that calls somebody else";
const SAME_CA_BUNDLE = "a new webhook gets the caBundle that another one of ours has";
const NEW_METADATA = "a new configuration has no finalizer and no owner but the ClusterRole portcullis-init";
const ONLY_ROTATED_AT = "portcullis-rotate changes nothing but the annotation portcullis.dev/rotated-at";
const ONLY_CANARY = "of ConfigMaps we make the canary, by a dry run, and nothing else";

export const REFUSED_BY_GUARD: Readonly<Record<Account, readonly Attempt[]>> = {
  init: [
    [
      "create a configuration of another name",
      createMutating({ metadata: { name: "thief" } }),
      "only the webhook configurations named portcullis are ours",
    ],
    [
      "create ours with a url",
      createMutating({ webhook: { clientConfig: { url: "https://thief.example.com" } } }),
      OUR_SERVICE,
    ],
    ["create ours for secrets", createMutating({ webhook: SECRETS }), KNOWN_RESOURCES],
    ["create ours for everything", createMutating({ webhook: EVERYTHING }), KNOWN_RESOURCES],
    ["create ours without the exclusions", createMutating({ webhook: NO_EXCLUSIONS }), EXCLUSIONS],
    [
      "create ours with an owner that makes it go",
      createMutating({ metadata: { ownerReferences: [OWNER] } }),
      NEW_METADATA,
    ],
    ["create ours with a finalizer", createMutating({ metadata: { finalizers: ["example.com/never"] } }), NEW_METADATA],
    ["call a url", patchWebhook(BY_URL), OUR_SERVICE],
    ["call a Service of another namespace", patchWebhook(OTHER_NAMESPACE), OUR_SERVICE],
    ["call another path", patchWebhook({ clientConfig: { service: { path: "/validate/canary" } } }), ONLY_CA_BUNDLE],
    ["ask about secrets", patchWebhook(SECRETS), ONLY_CA_BUNDLE],
    ["ask about everything", patchWebhook(EVERYTHING), ONLY_CA_BUNDLE],
    ["drop the exclusions", patchWebhook(NO_EXCLUSIONS), ONLY_CA_BUNDLE],
    [
      "let everything through when nobody serves",
      patchWebhook({ failurePolicy: "Ignore", timeoutSeconds: 1 }),
      ONLY_CA_BUNDLE,
    ],
    ["match nothing", patchWebhook({ matchConditions: [{ name: "never", expression: "false" }] }), ONLY_CA_BUNDLE],
    ["add a webhook", patchWebhook({ ...VALIDATE, name: "more.validate.portcullis.dev" }), ONLY_CA_BUNDLE],
    ["drop a webhook", patchWebhook({ $patch: "delete" }), ONLY_CA_BUNDLE],
    [
      "give a caBundle to somebody else's webhook",
      patchObject({ webhooks: [{ name: FOREIGN_WEBHOOK.name, clientConfig: { caBundle: BUNDLE } }] }),
      OUR_SERVICE,
    ],
    ["change a label", patchObject({ metadata: { labels: { team: "thief" } } }), OUR_METADATA],
    ["add an owner that makes it go", patchObject({ metadata: { ownerReferences: [OWNER] } }), OUR_METADATA],
    ["add a finalizer", patchObject({ metadata: { finalizers: ["example.com/never"] } }), OUR_METADATA],
    [
      "promote",
      patchObject({ metadata: { annotations: { "portcullis.dev/pending-promotion": null } } }),
      OUR_ANNOTATIONS,
    ],
  ],
  register: [
    ["call a url", patchWebhook(BY_URL), OUR_SERVICE],
    ["call a Service of another namespace", patchWebhook(OTHER_NAMESPACE), OUR_SERVICE],
    [
      "call a path that isn't for it",
      patchWebhook({ clientConfig: { service: { path: "/metrics" } } }),
      "the path of a mutating webhook begins with /mutate, that of a validating one with /validate",
    ],
    ["ask about secrets", patchWebhook(SECRETS), KNOWN_RESOURCES],
    ["ask about everything", patchWebhook(EVERYTHING), KNOWN_RESOURCES],
    ["ask about every version", patchWebhook(ANY_VERSION), KNOWN_OPERATIONS],
    ["ask about DELETE", patchWebhook(rulesOf({ operations: ["DELETE"] })), KNOWN_OPERATIONS],
    ["drop the exclusions", patchWebhook(NO_EXCLUSIONS), EXCLUSIONS],
    ["drop one exclusion", patchWebhook(VELERO_INCLUDED), EXCLUSIONS],
    [
      "take the canary to other namespaces",
      patchObject({ webhooks: [{ ...CANARY, namespaceSelector: VALIDATE.namespaceSelector }] }),
      EXCLUSIONS,
    ],
    [
      "take the check of policies to other namespaces",
      patchObject({ webhooks: [{ ...POLICIES, namespaceSelector: VALIDATE.namespaceSelector }] }),
      EXCLUSIONS,
    ],
    ["trust another CA", patchWebhook({ clientConfig: { caBundle: OTHER_BUNDLE } }), NO_CA_BUNDLE],
    [
      "add a webhook that trusts another CA",
      patchWebhook({
        ...VALIDATE,
        name: "more.validate.portcullis.dev",
        clientConfig: { ...VALIDATE.clientConfig, caBundle: OTHER_BUNDLE },
      }),
      SAME_CA_BUNDLE,
    ],
    [
      "make somebody else's webhook ours",
      patchObject({
        webhooks: [{ ...VALIDATE, name: FOREIGN_WEBHOOK.name, clientConfig: { ...VALIDATE.clientConfig, url: null } }],
      }),
      NO_CA_BUNDLE,
    ],
    [
      "drop somebody else's webhook",
      patchObject({ webhooks: [{ name: FOREIGN_WEBHOOK.name, $patch: "delete" }] }),
      "a webhook that calls somebody else stays",
    ],
    ["drop the canary", patchObject({ webhooks: [{ name: CANARY.name, $patch: "delete" }] }), "the canary stays"],
    ["change a label", patchObject({ metadata: { labels: { team: "thief" } } }), OUR_METADATA],
    ["add an owner that makes it go", patchObject({ metadata: { ownerReferences: [OWNER] } }), OUR_METADATA],
    [
      "change somebody else's annotation",
      patchObject({ metadata: { annotations: { "example.com/theirs": "thief" } } }),
      OUR_ANNOTATIONS,
    ],
    ["create a ConfigMap that isn't the canary", createConfigMap({}), ONLY_CANARY],
    ["create a canary that stays", forReal(createConfigMap({ "portcullis.dev/canary": "true" })), ONLY_CANARY],
  ],
  rotate: [
    [
      "run another image",
      patchTemplate({ spec: { containers: [{ name: "server", image: "thief" }] } }),
      ONLY_ROTATED_AT,
    ],
    [
      "set a variable",
      patchTemplate({ spec: { initContainers: [{ name: "init", env: [{ name: "FIRST_INSTALL", value: "fail" }] }] } }),
      ONLY_ROTATED_AT,
    ],
    ["run as another account", patchTemplate({ spec: { serviceAccountName: "portcullis-cleanup" } }), ONLY_ROTATED_AT],
    ["label the Pods", patchTemplate({ metadata: { labels: { team: "thief" } } }), ONLY_ROTATED_AT],
    [
      "annotate the Pods with something else",
      patchTemplate({ metadata: { annotations: { team: "thief" } } }),
      ONLY_ROTATED_AT,
    ],
    ["scale it away", patchObject({ spec: { replicas: 0 } }, `${DEPLOYMENTS}/portcullis`), ONLY_ROTATED_AT],
    [
      "annotate the Deployment",
      patchObject({ metadata: { annotations: { "portcullis.dev/rotated-at": "now" } } }, `${DEPLOYMENTS}/portcullis`),
      ONLY_ROTATED_AT,
    ],
  ],
  cleanup: [
    [
      "delete somebody else's configuration",
      deleteObject(`${VALIDATING}/somebody-elses`),
      "only a configuration with the labels of the Service portcullis in namespace portcullis is ours",
    ],
  ],
};
