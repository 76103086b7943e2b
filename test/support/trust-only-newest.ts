import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ControlPlane } from "./control-plane/start.ts";
import { type InitialisedPod, kubectlOrThrow } from "./installation.ts";

const KINDS = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

/** What an init does that replaces the bundle in place of merging: the mistake that the proofs must be able to see. */
export async function trustOnlyNewest(controlPlane: ControlPlane, { certDir }: InitialisedPod): Promise<void> {
  const caBundle = readFileSync(join(certDir, "ca.crt")).toString("base64");
  for (const kind of KINDS) {
    const live = JSON.parse(await kubectlOrThrow(controlPlane, ["get", kind, "portcullis", "-o", "json"]));
    const webhooks = live.webhooks.map(({ name }: { readonly name: string }) => ({ name, clientConfig: { caBundle } }));
    const patch = JSON.stringify({ webhooks });
    await kubectlOrThrow(controlPlane, ["patch", kind, "portcullis", "--type=strategic", "-p", patch]);
  }
}
