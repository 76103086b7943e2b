/** The server's Deployment on a control plane without nodes: its controller is real, and this plays the kubelets. */
import type { ControlPlane } from "./control-plane/start.ts";
import { apply, kubectlOrThrow, readDocument, waitUntil } from "./installation.ts";

export interface Rollout {
  /** A new pod template; its Pods are made, and stay unready. */
  begin(): Promise<void>;
  /** Makes every Pod ready until the Deployment is fully updated. */
  finish(): Promise<void>;
}

const ROLLOUT_LIMIT_MS = 30_000;
/** Longer ago than minReadySeconds. */
const READY_SINCE = "2020-01-01T00:00:00Z";

/** Applies the Deployment that ships, as it ships. */
export async function deploy(controlPlane: ControlPlane): Promise<Rollout> {
  const deployment = readDocument("deployment.yaml");
  const { name, namespace } = deployment.metadata;
  await apply(controlPlane, [deployment]);
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane, ["--namespace", namespace, ...args]);
  const readyCondition = { type: "Ready", status: "True", lastTransitionTime: READY_SINCE };
  const readyStatus = JSON.stringify({ status: { phase: "Running", conditions: [readyCondition] } });

  async function makePodsReady(): Promise<void> {
    const unready = `-o=jsonpath={range .items[?(@.status.phase=="Pending")]}{.metadata.name} {end}`;
    for (const pod of (await kubectl("get", "pods", unready)).split(" ").filter((found) => found !== "")) {
      await kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", readyStatus);
    }
  }

  return {
    async begin() {
      await kubectl("rollout", "restart", `deployment/${name}`);
    },
    async finish() {
      await waitUntil("the Deployment is fully updated", ROLLOUT_LIMIT_MS, async () => {
        await makePodsReady();
        return (await kubectl("rollout", "status", `deployment/${name}`, "--watch=false")).includes("successfully");
      });
    },
  };
}
