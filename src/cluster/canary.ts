import { PortcullisError } from "../errors.ts";
import { CANARY_MESSAGE } from "../policy/policy.ts";
import { CANARY_LABEL } from "../registration/desired.ts";
import { ApiUnavailable, ask } from "./ask.ts";
import type { ClusterConnection } from "./client.ts";

export type CanaryResult =
  /** By the server: calls arrive. */
  | { readonly kind: "refused" }
  | { readonly kind: "admitted" }
  /** The webhook could not be called, or somebody else's refused. `reason` is the API server's text. */
  | { readonly kind: "failed"; readonly reason: string };

/** Creates a canary in `namespace`, as a dry run: nothing is stored. Throws as `ask` does. */
export async function tryCanary({ core }: ClusterConnection, namespace: string): Promise<CanaryResult> {
  const body = { metadata: { generateName: "portcullis-canary-", labels: { [CANARY_LABEL]: "true" } } };
  const asked = { verb: "create", resource: "configmaps", namespace };
  try {
    await ask(asked, [], () => core.createNamespacedConfigMap({ namespace, body, dryRun: "All" }));
    return { kind: "admitted" };
  } catch (error) {
    if (!(error instanceof PortcullisError || error instanceof ApiUnavailable)) throw error;
    if (error.message.includes(CANARY_MESSAGE)) return { kind: "refused" };
    // The API server's words for a webhook of failurePolicy Fail that it can't call, and for a webhook that says no.
    if (!/failed calling webhook|denied the request/.test(error.message)) throw error;
    return { kind: "failed", reason: error.message };
  }
}
