/** Pods that run a script by Node, of our own image: it is there already, and any cluster that installs us can pull it. */
import type { KubernetesObject } from "../../../src/kube/objects.ts";
import { waitUntil } from "../../support/wait.ts";
import type { E2eCluster } from "./cluster.ts";
import { LIMIT_MS } from "./enforcing.ts";

export interface NodePodOptions {
  readonly name: string;
  readonly namespace: string;
  readonly script: string;
  readonly args?: readonly string[];
  /** That of the namespace's default account. */
  readonly hasToken?: boolean;
}

/** Runs until it is told to end: what Node alone would not do as the first process. */
export const IDLE = 'process.on("SIGTERM", () => process.exit()); setInterval(() => {}, 60_000);';

/** The image's entry point is node. */
export function nodeContainer({ settings }: E2eCluster, name: string, script: string, args: readonly string[] = []) {
  return { name, image: settings.image, args: ["-e", script, ...(args.length > 0 ? ["--", ...args] : [])] };
}

export function podOfNode(cluster: E2eCluster, options: NodePodOptions): KubernetesObject {
  const { name, namespace, script, args, hasToken = false } = options;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: hasToken,
      containers: [nodeContainer(cluster, name, script, args)],
    },
  };
}

/** What it prints. Throws when it fails. */
export async function runToEnd(cluster: E2eCluster, pod: KubernetesObject): Promise<string> {
  const { name = "", namespace = "" } = pod.metadata ?? {};
  const inNamespace = ["-n", namespace];
  await cluster.run(["delete", "pod", name, ...inNamespace, "--ignore-not-found", "--now"]);
  await cluster.run(["create", "-f", "-"], JSON.stringify(pod));
  let phase = "";
  await waitUntil(`Pod ${name} has ended`, LIMIT_MS, async () => {
    phase = await cluster.run(["get", "pod", name, ...inNamespace, "-o", "jsonpath={.status.phase}"]);
    return phase === "Succeeded" || phase === "Failed";
  });
  const output = await cluster.run(["logs", name, ...inNamespace]);
  if (phase !== "Succeeded") throw new Error(`Pod ${name}: ${output}`);
  return output;
}
