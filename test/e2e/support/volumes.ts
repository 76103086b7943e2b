/** Volumes for a cluster that has nobody to make them: directories of the node, for claims that name no class. */
import type { KubernetesObject } from "../../../src/kube/objects.ts";
import type { E2eCluster } from "./cluster.ts";

const LABEL = "portcullis.dev/e2e";

export async function addVolumes(cluster: E2eCluster, count: number): Promise<void> {
  // One that is still on its way out would take the name along.
  await cluster.run(["delete", "persistentvolume", "-l", LABEL, "--timeout=60s"]);
  const items = Array.from({ length: count }, (_, index) => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `portcullis-e2e-${index}`, labels: { [LABEL]: "volume" } },
    spec: {
      capacity: { storage: "10Gi" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      hostPath: { path: `/tmp/portcullis-e2e-volumes/${index}`, type: "DirectoryOrCreate" },
    },
  }));
  await cluster.run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
}

export async function removeVolumes({ run }: E2eCluster): Promise<void> {
  await run(["delete", "persistentvolume", "-l", LABEL, "--wait=false"]);
}

export function claim(name: string, namespace: string): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } },
  };
}
