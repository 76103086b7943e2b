/** Several Pods of portcullis behind the Service's address, and what the Deployment controller does with them. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ConnectionCounts, startBalancer } from "./balancer.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { type InitialisedPod, type Installation, POD_PORT, type RunningPod } from "./installation.ts";
import { createPodObjects } from "./pod-objects.ts";
import type { ProgramEnvironment } from "./program.ts";

/** `pooled`: the API server keeps its connections; `fresh`: every answer ends the one it came by. */
export type ConnectionMode = "pooled" | "fresh";

export interface ReplicasOptions {
  readonly count: number;
  readonly mode: ConnectionMode;
  /** Between the truth about a Pod and the list of endpoints that connections are sent to. */
  readonly lagMs: number;
  /** Default: two seconds more than the lag. */
  readonly drainSeconds?: number;
  readonly policyDir?: string;
  readonly env?: ProgramEnvironment;
  readonly afterInit?: (pod: InitialisedPod) => Promise<void>;
}

export interface Replicas {
  /** One after the other, as `maxSurge: 1, maxUnavailable: 0` has it; ends when the last old process has. */
  restart(change?: { readonly policyDir: string }): Promise<void>;
  /** SIGKILL to every server: no drain, and nobody takes them off the list. */
  kill(): Promise<void>;
  /** SIGKILL to the oldest server, which is taken off the list when it has gone; the others go on. */
  killOldest(): Promise<void>;
  /** Fingerprints of the certificates in the Pods' directories now. */
  certificates(): readonly string[];
  /** What the API servers have connected so far. */
  connections(): ConnectionCounts;
  /** Ends all Pods and the balancer. */
  stop(): Promise<void>;
}

interface Member {
  readonly address: string;
  readonly pod: RunningPod;
}

const ANSWER_AND_CLOSE = `--import=${fileURLToPath(new URL("./answer-and-close.ts", import.meta.url))}`;
/** The last byte of an address: keepers share a machine here, so this tells their ports apart too. */
const MAX_PODS = 254;

/** Pods live on addresses of their own, 127.31.SLOT.x. */
export async function startReplicas(
  controlPlane: ControlPlane,
  installation: Installation,
  options: ReplicasOptions,
): Promise<Replicas> {
  const { count, mode, lagMs, drainSeconds = Math.ceil(lagMs / 1000) + 2, afterInit } = options;
  const { clusterIp, port } = installation;
  const balancer = await startBalancer({ address: clusterIp, port, podPort: POD_PORT });
  const podObjects = createPodObjects(controlPlane);
  const [, , slot] = controlPlane.clusterIpPrefix.split(".");
  let members: readonly Member[] = [];
  let policyDir = options.policyDir;
  let podCount = 0;

  const startMember = async (): Promise<Member> => {
    const uid = await podObjects.create();
    const number = (podCount++ % MAX_PODS) + 1;
    const address = `127.31.${slot}.${number}`;
    const pod = await installation.startPod({
      address,
      uid,
      ...(policyDir === undefined ? {} : { policyDir }),
      ...(afterInit === undefined ? {} : { afterInit }),
      env: {
        DRAIN_SECONDS: String(drainSeconds),
        KEEPER_PORT: String(20_000 + number),
        ...(mode === "fresh" ? { NODE_OPTIONS: ANSWER_AND_CLOSE } : {}),
        ...options.env,
      },
    });
    return { address, pod };
  };

  const retire = async ({ address, pod }: Member): Promise<void> => {
    await Promise.all([balancer.remove(address), pod.stop()]);
    await podObjects.remove(pod.uid);
  };

  const kill = async (): Promise<void> => {
    for (const { pod } of members) pod.server.kill("SIGKILL");
    await Promise.all(members.map(({ pod }) => pod.stop()));
  };

  const killOldest = async (): Promise<void> => {
    const [oldest, ...others] = members;
    if (!oldest) throw new Error("there is no server left");
    members = others;
    oldest.pod.server.kill("SIGKILL");
    await oldest.pod.server.exited;
    await retire(oldest);
  };

  const stop = async (): Promise<void> => {
    await Promise.all([balancer.close(), kill()]);
    podObjects.close();
  };

  try {
    for (let number = 0; number < count; number++) {
      const member = await startMember();
      members = [...members, member];
      await balancer.add(member.address);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  balancer.setLag(lagMs);
  return {
    async restart(change) {
      policyDir = change?.policyDir ?? policyDir;
      const changes: Promise<void>[] = [];
      for (const old of members) {
        const fresh = await startMember();
        members = [...members.filter((member) => member !== old), fresh];
        // Neither is waited for before the next Pod starts: nobody in a cluster does.
        changes.push(balancer.add(fresh.address), retire(old));
      }
      await Promise.all(changes);
    },
    kill,
    killOldest,
    certificates: () =>
      members.map(({ pod }) => new X509Certificate(readFileSync(join(pod.certDir, "tls.crt"))).fingerprint256),
    connections: () => balancer.counts(),
    stop,
  };
}
