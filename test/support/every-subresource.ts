/** A request for each subresource that rules could name, about what `oneOfEach` has made: by operation and resource, as a log has them. */
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { ApiRequest } from "./api-client.ts";

export const MERGE_PATCH = "application/merge-patch+json";
export const NAMESPACE = "tour";
const core = `/api/v1/namespaces/${NAMESPACE}`;
const pod = `${core}/pods/tour`;
const scale = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/tour/scale`;
const ephemeral = [{ name: "debugger", image: "example.com/debugger:1" }];
const resized = [{ name: "main", resources: { requests: { cpu: "1" } } }];

export const SUBRESOURCES: Readonly<Record<string, ApiRequest>> = {
  "UPDATE pods/status": { method: "PATCH", path: `${pod}/status`, contentType: MERGE_PATCH, body: { status: {} } },
  "UPDATE deployments.apps/scale": {
    method: "PATCH",
    path: scale,
    contentType: MERGE_PATCH,
    body: { spec: { replicas: 2 } },
  },
  "CREATE pods/eviction": { method: "POST", path: `${pod}/eviction`, body: objectOf("Eviction", "policy/v1", "tour") },
  "CREATE pods/binding": {
    method: "POST",
    path: `${pod}/binding`,
    body: { ...objectOf("Binding", "v1", "tour"), target: { kind: "Node", name: "tour" } },
  },
  "UPDATE pods/ephemeralcontainers": {
    method: "PATCH",
    path: `${pod}/ephemeralcontainers`,
    contentType: "application/strategic-merge-patch+json",
    body: { spec: { ephemeralContainers: ephemeral } },
  },
  "UPDATE pods/resize": {
    method: "PATCH",
    path: `${pod}/resize`,
    contentType: "application/strategic-merge-patch+json",
    body: { spec: { containers: resized } },
  },
  "UPDATE namespaces/finalize": {
    method: "PUT",
    path: `/api/v1/namespaces/${NAMESPACE}/finalize`,
    body: objectOf("Namespace", "v1", NAMESPACE),
  },
  "CREATE serviceaccounts/token": {
    method: "POST",
    path: `${core}/serviceaccounts/default/token`,
    body: objectOf("TokenRequest", "authentication.k8s.io/v1", "default"),
  },
};

/** No node is there to answer: that is said only after the webhooks have been asked. */
export const CONNECTIONS: Readonly<Record<string, ApiRequest>> = {
  "pods/exec": { method: "POST", path: `${pod}/exec?command=ls&stdout=true` },
  "pods/attach": { method: "POST", path: `${pod}/attach?stdout=true` },
  "pods/portforward": { method: "POST", path: `${pod}/portforward?ports=80` },
  "pods/proxy": { method: "GET", path: `${pod}/proxy/` },
  "services/proxy": { method: "GET", path: `${core}/services/tour/proxy/` },
  "nodes/proxy": { method: "GET", path: "/api/v1/nodes/tour/proxy/" },
};

export function objectOf(kind: string, apiVersion = "v1", name = "minimal"): KubernetesObject {
  return { apiVersion, kind, metadata: { name } };
}
