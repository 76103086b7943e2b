/** helm, on the tests' cluster. Its own files are below HOME, which is the cluster's directory. */
import { execFile } from "node:child_process";
import type { E2eCluster } from "./cluster.ts";

export interface HelmResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 300_000;

export function helm(cluster: E2eCluster, args: readonly string[]): Promise<HelmResult> {
  const program = cluster.settings.helm;
  if (program === undefined) throw new Error("there is no helm");
  const env = { PATH: process.env.PATH, HOME: cluster.directory, KUBECONFIG: cluster.kubeconfigPath };
  return new Promise((resolve) => {
    execFile(program, [...args], { env, timeout: LIMIT_MS, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const status = typeof error?.code === "number" ? error.code : error ? -1 : 0;
      resolve({ status, stdout, stderr: stderr || (error?.message ?? "") });
    });
  });
}

export async function helmOrThrow(cluster: E2eCluster, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await helm(cluster, args);
  if (status !== 0) throw new Error(`helm ${args.join(" ")}: status ${status}: ${stderr}`);
  return stdout;
}
