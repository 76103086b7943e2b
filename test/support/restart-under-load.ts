/** The setting of the proofs of rotation, shared by the tests and the soak: failurePolicy Fail, load, rolling restarts. */
import type { ApiClient } from "./api-client.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { apply, type Installation, install, kubectlOrThrow, waitUntil } from "./installation.ts";
import { callWhile, type LoadReport } from "./load.ts";
import { type Replicas, type ReplicasOptions, startReplicas } from "./replicas.ts";
import { LOADED_NAMESPACE, SHIPPED_WRITES } from "./writes.ts";

/** Shorter than the 3 s that ship: two API servers on one machine hear of a caBundle in well under 100 ms. */
const CA_SETTLE_MS = "500";
const KINDS = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

export async function installClosed(controlPlane: ControlPlane): Promise<Installation> {
  await apply(controlPlane, [{ apiVersion: "v1", kind: "Namespace", metadata: { name: LOADED_NAMESPACE } }]);
  return await install(controlPlane, { env: { FIRST_INSTALL: "fail", CA_SETTLE_MS, LOG_LEVEL: "info" } });
}

/** Starts from no configuration, waits until the API server calls the replicas, and ends them when `work` has. */
export async function withReplicas<Result>(
  controlPlane: ControlPlane,
  installation: Installation,
  options: ReplicasOptions,
  work: (replicas: Replicas) => Promise<Result>,
): Promise<Result> {
  await kubectlOrThrow(controlPlane, ["delete", KINDS.join(), "portcullis", "--ignore-not-found"]);
  const replicas = await startReplicas(controlPlane, installation, options);
  try {
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
    return await work(replicas);
  } finally {
    await replicas.stop();
  }
}

export interface RestartOptions extends ReplicasOptions {
  readonly clients: readonly ApiClient[];
  readonly ratePerSecond: number;
  readonly minCalls: number;
}

export interface RestartReport extends LoadReport {
  /** TCP connections that the API server made during the load. */
  readonly connections: number;
  /** Those that found no Pod listening. */
  readonly refusedConnections: number;
}

/** One rolling restart of all replicas, under load from before its beginning to after its end. */
export function restartUnderLoad(
  controlPlane: ControlPlane,
  installation: Installation,
  options: RestartOptions,
): Promise<RestartReport> {
  return withReplicas(controlPlane, installation, options, async (replicas) => {
    const before = replicas.connections();
    const report = await callWhile({ ...options, writes: SHIPPED_WRITES }, () => replicas.restart());
    const { accepted, refused } = replicas.connections();
    return { ...report, connections: accepted - before.accepted, refusedConnections: refused - before.refused };
  });
}
