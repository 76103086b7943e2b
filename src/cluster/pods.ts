import { ask } from "./ask.ts";
import type { ClusterConnection } from "./client.ts";

/**
 * The UIDs of the Pods that a selector selects, terminating ones included; "forbidden" without the permission to list.
 * Throws as `ask` does otherwise.
 */
export async function listPodUids(
  { core }: ClusterConnection,
  namespace: string,
  labelSelector: string,
): Promise<ReadonlySet<string> | "forbidden"> {
  // Without a resourceVersion it is a quorum read: a list from a cache may lack a Pod that serves already.
  const answer = await ask({ verb: "list", resource: "pods", namespace }, [403], () =>
    core.listNamespacedPod({ namespace, labelSelector }),
  );
  if (typeof answer === "number") return "forbidden";
  return new Set(answer.items.map(({ metadata }) => metadata?.uid ?? ""));
}
