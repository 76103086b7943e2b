/** Memory and CPU of the server's containers, as the kubelet measures them. */
import type { E2eCluster } from "./cluster.ts";
import { PORTCULLIS } from "./enforcing.ts";

export interface Sample {
  readonly pod: string;
  readonly atMs: number;
  readonly memoryMiB: number;
  /** Since the start of the container. */
  readonly cpuSeconds: number;
}

interface Stats {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly {
      readonly name: string;
      readonly memory?: { readonly workingSetBytes?: number };
      readonly cpu?: { readonly time: string; readonly usageCoreNanoSeconds?: number };
    }[];
  }[];
}

export async function sampleServers({ run }: E2eCluster, names: readonly string[]): Promise<readonly Sample[]> {
  const nodes = (await run(["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"])).split(" ");
  const samples: Sample[] = [];
  for (const node of nodes) {
    const { pods } = JSON.parse(await run(["get", "--raw", `/api/v1/nodes/${node}/proxy/stats/summary`])) as Stats;
    for (const { podRef, containers = [] } of pods) {
      if (podRef.namespace !== PORTCULLIS || !names.includes(podRef.name)) continue;
      const { memory, cpu } = containers.find(({ name }) => name === "server") ?? {};
      if (memory?.workingSetBytes === undefined || cpu?.usageCoreNanoSeconds === undefined) continue;
      samples.push({
        pod: podRef.name,
        atMs: Date.parse(cpu.time),
        memoryMiB: memory.workingSetBytes / 2 ** 20,
        cpuSeconds: cpu.usageCoreNanoSeconds / 1e9,
      });
    }
  }
  return samples;
}

export interface Use {
  readonly text: string;
  /** Medians. */
  readonly firstQuarterMiB: number;
  readonly lastQuarterMiB: number;
}

export function summariseUse(samples: readonly Sample[]): Use {
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last || first === last) throw new Error(`${samples.length} samples are too few`);
  const quarter = Math.ceil(samples.length / 4);
  const firstQuarterMiB = medianMiB(samples.slice(0, quarter));
  const lastQuarterMiB = medianMiB(samples.slice(-quarter));
  const mostMiB = Math.max(...samples.map(({ memoryMiB }) => memoryMiB));
  const milliCpu = ((last.cpuSeconds - first.cpuSeconds) / (last.atMs - first.atMs)) * 1e6;
  const memory = `${firstQuarterMiB.toFixed(0)} MiB in the first quarter, ${lastQuarterMiB.toFixed(0)} in the last, ${mostMiB.toFixed(0)} at most`;
  return { firstQuarterMiB, lastQuarterMiB, text: `${memory}; ${milliCpu.toFixed(0)}m CPU` };
}

function medianMiB(samples: readonly Sample[]): number {
  const sorted = samples.map(({ memoryMiB }) => memoryMiB).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
