import { ApiUnavailable } from "../../src/cluster/ask.ts";
import type { ClusterConnection } from "../../src/cluster/client.ts";
import { listPodUids } from "../../src/cluster/pods.ts";
import type { InitConfig } from "../../src/config.ts";
import { PortcullisError } from "../../src/errors.ts";
import type { LivePods } from "../../src/registration/plan.ts";
import type { Logger } from "../../src/telemetry/logger.ts";
import type { Clock } from "../backoff.ts";
import { pruningTime } from "./pruning-time.ts";

/** Undefined where the Pods can't be known: then only expired CAs leave the bundles. Never throws for that. */
export type LivePodLister = () => Promise<LivePods | undefined>;

export interface LivePodContext {
  readonly config: InitConfig;
  readonly connection: ClusterConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Says why when it doesn't know the Pods, and says it again only when the reason is another one. */
export function createLivePodLister({ config, connection, clock, logger }: LivePodContext): LivePodLister {
  const { namespace, podSelector, podUid } = config;
  if (podSelector === undefined) return async () => undefined;
  let told: string | undefined;
  return async () => {
    const listedAt = pruningTime(clock, connection.serverDate);
    const uids = await listOrExplain(connection, namespace, podSelector, podUid);
    const reason = typeof uids === "string" ? uids : undefined;
    if (reason !== undefined && reason !== told) {
      logger.warn({ podSelector, reason }, "CAs of Pods that are gone stay in the caBundle until they expire");
    }
    told = reason;
    return typeof uids === "string" ? undefined : { uids, listedAt };
  };
}

async function listOrExplain(
  connection: ClusterConnection,
  namespace: string,
  podSelector: string,
  podUid: string | undefined,
): Promise<ReadonlySet<string> | string> {
  try {
    const uids = await listPodUids(connection, namespace, podSelector);
    if (uids === "forbidden") return `forbidden: list pods in ${namespace}`;
    // A selector that misses us may miss the other replicas too, and would take the CAs that they serve with.
    if (podUid === undefined || !uids.has(podUid)) return "POD_SELECTOR does not select the Pod of POD_UID";
    return uids;
  } catch (error) {
    if (error instanceof ApiUnavailable || error instanceof PortcullisError) return error.message;
    throw error;
  }
}
