/** What an account has no verb for. */
import type { Account } from "../support/accounts.ts";
import type { ApiRequest } from "../support/api-client.ts";
import { readDocument } from "../support/installation.ts";
import {
  type Attempt,
  CONFIGURATIONS,
  createMutating,
  createObject,
  DEPLOYMENTS,
  deleteObject,
  patchObject,
  patchTemplate,
  patchWebhook,
  VALIDATING,
} from "./stolen-token-requests.ts";

const GET_SECRETS: ApiRequest = { method: "GET", path: "/api/v1/namespaces/portcullis/secrets" };
const DELETE_OURS = deleteObject(`${VALIDATING}/portcullis`);
const PATCH_OTHER = patchObject({ metadata: { labels: { a: "b" } } }, `${VALIDATING}/somebody-elses`);
const LOWER_GUARD = deleteObject(`${CONFIGURATIONS}/validatingadmissionpolicies/portcullis-configurations`);
const BIND = createObject("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
  metadata: { name: "thief" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
});
const FOR_NONE: readonly Attempt[] = [
  ["read the Secrets of the namespace", GET_SECRETS, 'cannot list resource "secrets"'],
  ["take the guard away", LOWER_GUARD, 'cannot delete resource "validatingadmissionpolicies"'],
  ["become cluster-admin", BIND, 'cannot create resource "clusterrolebindings"'],
  ["change somebody else's configuration", PATCH_OTHER, 'cannot patch resource "validatingwebhookconfigurations"'],
];

export const REFUSED_BY_RBAC: Readonly<Record<Account, readonly Attempt[]>> = {
  init: [
    ...FOR_NONE,
    ["delete ours", DELETE_OURS, 'cannot delete resource "validatingwebhookconfigurations"'],
    ["change the Deployment", patchTemplate({}), 'cannot patch resource "deployments"'],
  ],
  register: [
    ...FOR_NONE,
    ["create a configuration", createMutating({}), 'cannot create resource "mutatingwebhookconfigurations"'],
    ["delete ours", DELETE_OURS, 'cannot delete resource "validatingwebhookconfigurations"'],
    ["change the Deployment", patchTemplate({}), 'cannot patch resource "deployments"'],
  ],
  rotate: [
    ...FOR_NONE,
    ["change ours", patchWebhook({ timeoutSeconds: 1 }), 'cannot patch resource "validatingwebhookconfigurations"'],
    [
      "change another Deployment",
      patchObject({ spec: { replicas: 0 } }, `${DEPLOYMENTS}/another`),
      'cannot patch resource "deployments"',
    ],
    [
      "scale it away by the subresource",
      patchObject({ spec: { replicas: 0 } }, `${DEPLOYMENTS}/portcullis/scale`),
      'cannot patch resource "deployments/scale"',
    ],
    ["delete it", deleteObject(`${DEPLOYMENTS}/portcullis`), 'cannot delete resource "deployments"'],
    [
      "make another one",
      createObject(DEPLOYMENTS, { ...readDocument("deployment.yaml"), metadata: { name: "another" } }),
      'cannot create resource "deployments"',
    ],
  ],
  cleanup: [
    ...FOR_NONE,
    ["change ours", patchWebhook({ timeoutSeconds: 1 }), 'cannot patch resource "validatingwebhookconfigurations"'],
    ["create a configuration", createMutating({}), 'cannot create resource "mutatingwebhookconfigurations"'],
    [
      "delete all configurations at once",
      deleteObject(VALIDATING),
      'cannot deletecollection resource "validatingwebhookconfigurations"',
    ],
    ["delete the Deployment", deleteObject(`${DEPLOYMENTS}/portcullis`), 'cannot delete resource "deployments"'],
  ],
};
