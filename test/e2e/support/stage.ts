/** The tour's stage where Pods run: the image that they name is ours, and a restart is the Deployment's. */
import type { KubernetesObject } from "../../../src/kube/objects.ts";
import { createClusterStage } from "../../tour/cluster-stage.ts";
import type { Stage } from "../../tour/stage.ts";
import { caNames } from "./ca-bundle.ts";
import type { E2eCluster } from "./cluster.ts";
import { PORTCULLIS, waitForRollout } from "./enforcing.ts";
import { IDLE, nodeContainer } from "./node-pods.ts";

/** What only `restart` uses, which is another one here. */
const UNUSED = {} as never;

export function createE2eStage(cluster: E2eCluster): Stage {
  const { helm } = cluster.settings;
  const finding =
    helm === undefined
      ? ({ found: false, reason: "there is no helm", goPath: undefined } as const)
      : ({ found: true, path: helm, origin: "main.ts" } as const);
  const stage = createClusterStage(cluster, UNUSED, UNUSED, finding);
  return {
    ...stage,
    create: (object) => stage.create(runnable(cluster, object)),
    async restart() {
      const before = await caNames(cluster);
      await cluster.run(["rollout", "restart", `deployment/${PORTCULLIS}`, "-n", PORTCULLIS]);
      await waitForRollout(cluster);
      const added = (await caNames(cluster)).filter((name) => !before.includes(name));
      // Each Pod makes its own, and a certificate of it.
      const told = `new CA, new certificate: ${added.join(", ")}`;
      return { verdict: "admitted", message: added.length >= 2 ? told : `of new CAs only ${added.length}` };
    },
  };
}

/** The same object, with containers that can be pulled and do nothing. */
export function runnable(cluster: E2eCluster, object: KubernetesObject): KubernetesObject {
  const copy = structuredClone(object);
  // biome-ignore lint/suspicious/noExplicitAny: the stories' own objects
  const spec = copy.spec as any;
  for (const podSpec of [spec, spec?.template?.spec]) {
    for (const container of podSpec?.containers ?? [])
      Object.assign(container, nodeContainer(cluster, container.name, IDLE));
  }
  return copy;
}
