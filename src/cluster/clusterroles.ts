import { PortcullisError } from "../errors.ts";
import type { OwnerReference } from "../registration/configuration.ts";
import { ask } from "./ask.ts";
import type { ClusterConnection } from "./client.ts";

/** How to name a ClusterRole as an owner. Throws PortcullisError SETTINGS where there is none, and as `ask` does otherwise. */
export async function readOwnerClusterRole({ rbac }: ClusterConnection, name: string): Promise<OwnerReference> {
  const asked = { verb: "get", resource: "clusterroles.rbac.authorization.k8s.io", name };
  const answer = await ask(asked, [404], () => rbac.readClusterRole({ name }));
  if (typeof answer === "number") {
    throw new PortcullisError("SETTINGS", `there is no ClusterRole "${name}" (OWNER_CLUSTERROLE)`);
  }
  return { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name, uid: answer.metadata?.uid ?? "" };
}
