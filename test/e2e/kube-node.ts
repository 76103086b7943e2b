/** A cluster of one node on this machine, by the scripts that lie beside the project, where they do. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const KUBE_NODE = fileURLToPath(new URL("../../../shared/kube-node", import.meta.url));
/** Exit status of main.ts where none is to be had: nothing follows from that for portcullis. */
export const NO_CLUSTER = 3;
const MAX_CLUSTERS = 10;

export interface KubeNode {
  readonly kubeconfigPath: string;
  readonly kubectl: string;
  /** Which of them it is, for the scripts. */
  readonly index: number;
  stop(): void;
}

export function hasKubeNode(): boolean {
  return existsSync(join(KUBE_NODE, "up.sh"));
}

export interface KubeNodeOptions {
  /** Of Kubernetes, "v1.33.13". Default: the scripts' own. */
  readonly version: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly print: (line: string) => void;
}

/** Builds what is missing first, which takes seven minutes where all is. Others may have clusters up beside it. */
export function startKubeNode({ version, env, print }: KubeNodeOptions): KubeNode {
  const index = env.IDX === undefined ? findFreeIndex() : Number(env.IDX);
  const cache = env.KUBE_CACHE ?? join(homedir(), ".cache", "kube-node");
  // One cache a version, or the two would build over each other.
  const ofVersion = version === undefined ? {} : { KUBE_CACHE: `${cache}-${version}`, K8S_VERSION: version };
  const scriptEnv = { ...env, KUBE_CACHE: cache, IDX: String(index), ...ofVersion };
  const run = (script: string, ...args: string[]): string => {
    const options = { env: scriptEnv, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync(join(KUBE_NODE, script), args, options);
    if (status !== 0) throw new Error(`${script} ended with status ${status}: ${stdout}${stderr}`);
    return stdout;
  };
  const stop = () => {
    run("down.sh", "--purge");
  };
  print("building what the cluster needs, where it is missing");
  run("build.sh");
  try {
    const kubeconfigPath = /^.*KUBECONFIG=(\S+)$/m.exec(run("up.sh"))?.[1];
    if (kubeconfigPath === undefined) throw new Error("up.sh names no KUBECONFIG");
    print(`a cluster of one node is up: KUBECONFIG=${kubeconfigPath}`);
    return {
      kubeconfigPath,
      kubectl: join(scriptEnv.KUBE_CACHE, "bin", "kubectl"),
      index,
      stop,
    };
  } catch (error) {
    stop();
    throw error;
  }
}

/** Each has a network namespace: kube, kube1 and so on. */
function findFreeIndex(): number {
  for (let index = 0; index < MAX_CLUSTERS; index++) {
    if (!existsSync(`/run/netns/kube${index || ""}`)) return index;
  }
  throw new Error(`${MAX_CLUSTERS} clusters are up`);
}
