import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { ask } from "./ask.ts";
import type { ClusterConnection } from "./client.ts";

/** A Deployment, as far as a rollout is concerned. Counts that Kubernetes leaves out are 0. */
export interface Rollout {
  readonly generation: number;
  readonly observedGeneration: number;
  /** What the spec asks for. */
  readonly replicas: number;
  readonly currentReplicas: number;
  readonly updatedReplicas: number;
  readonly availableReplicas: number;
}

export interface DeploymentName {
  readonly namespace: string;
  readonly name: string;
}

/** Undefined when there is no such Deployment. Throws as `ask` does. */
export async function readRollout(
  { apps }: ClusterConnection,
  { namespace, name }: DeploymentName,
): Promise<Rollout | undefined> {
  const asked = { verb: "get", resource: "deployments.apps", name, namespace };
  const answer = await ask(asked, [404], () => apps.readNamespacedDeployment({ name, namespace }));
  if (typeof answer === "number") return undefined;
  const { metadata, spec, status } = answer;
  return {
    generation: metadata?.generation ?? 0,
    observedGeneration: status?.observedGeneration ?? 0,
    replicas: spec?.replicas ?? 1,
    currentReplicas: status?.replicas ?? 0,
    updatedReplicas: status?.updatedReplicas ?? 0,
    availableReplicas: status?.availableReplicas ?? 0,
  };
}

/**
 * Sets annotations on the pod template by server-side apply, so that they are this field manager's alone and nobody else's
 * apply takes them away. Throws as `ask` does.
 */
export async function applyTemplateAnnotations(
  { apps }: ClusterConnection,
  { namespace, name }: DeploymentName,
  annotations: Readonly<Record<string, string>>,
  fieldManager: string,
): Promise<void> {
  const body = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: { template: { metadata: { annotations } } },
  };
  const options = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);
  const request = { name, namespace, body, fieldManager, force: true };
  const asked = { verb: "patch", resource: "deployments.apps", name, namespace };
  await ask(asked, [], () => apps.patchNamespacedDeployment(request, options));
}
