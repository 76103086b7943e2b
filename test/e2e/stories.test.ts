/** The stories of the tour, by kubectl and helm, where Pods run: and what has come of them, seen at the Pods. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { BACKUP_VOLUMES, NAMESPACE, type Stage } from "../tour/stage.ts";
import { stories } from "../tour/stories.ts";
import { tell } from "../tour/tell.ts";
import { namespace } from "./support/busy.ts";
import { describeE2e, type E2eCluster } from "./support/cluster.ts";
import { ensureKustomized } from "./support/installed.ts";
import { nodeContainer } from "./support/node-pods.ts";
import { createE2eStage } from "./support/stage.ts";
import { addVolumes, claim, removeVolumes } from "./support/volumes.ts";

const ANNOTATION = `jsonpath={.metadata.annotations.${BACKUP_VOLUMES.replaceAll(".", "\\.")}}`;

describeE2e("the stories of the tour", (cluster) => {
  const inNamespace = ["-n", NAMESPACE];
  let stage: Stage;

  beforeAll(async () => {
    await ensureKustomized(cluster(), "base");
    await cluster().run(["delete", "namespace", NAMESPACE, "--ignore-not-found"]);
    await addVolumes(cluster(), 3);
    const objects = [namespace(NAMESPACE), claim("mongodb", NAMESPACE), claim("backups", NAMESPACE)];
    await cluster().run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    stage = createE2eStage(cluster());
  });
  afterAll(async () => {
    await cluster().run(["delete", "namespace", NAMESPACE, "--wait=false"]);
    await removeVolumes(cluster());
  });

  it.each(stories.map((story) => [`${story.id} ${story.title}`, story] as const))("%s", async (_title, story) => {
    const told = await tell(story, stage);
    if (told.verdict === "skipped") return expect(told.message).toMatch(/helm/);
    expect(told).toMatchObject({ ok: true, verdict: story.expected });
  });

  describe("and the Pods run, with the annotation:", () => {
    const running = async (pod: string) => {
      await cluster().run(["wait", ...inNamespace, "--for=condition=Ready", `pod/${pod}`, "--timeout=100s"]);
      return await cluster().run(["get", "pod", pod, ...inNamespace, "-o", ANNOTATION]);
    };

    it("the one that somebody made", async () => {
      expect(await running("mongo")).toBe("data");
    });

    it("the StatefulSet's, with the claim made from its template", async () => {
      expect(await running("minio-0")).toBe("data");
      const phase = "jsonpath={.status.phase}";
      expect(await cluster().run(["get", "pvc", "data-minio-0", ...inNamespace, "-o", phase])).toBe("Bound");
    });

    it("but for the CronJob's, which has ended when a backup runs", async () => {
      const isHasty = !cluster().amounts.cronTick;
      const schedule = isHasty ? "0 3 1 1 *" : "* * * * *";
      await cluster().run(["create", "-f", "-"], JSON.stringify(cronJob(cluster(), schedule)));
      if (isHasty) await cluster().run(["create", "job", "backup-now", ...inNamespace, "--from=cronjob/backup"]);
      const ended = ["get", "pods", ...inNamespace, "-l", "app=backup", "--field-selector=status.phase=Succeeded"];
      const find = async () => JSON.parse(await cluster().run([...ended, "-o", "json"])).items;
      await expect.poll(find, { timeout: 150_000, interval: 1000 }).toHaveLength(1);
      expect((await find())[0].metadata.annotations?.[BACKUP_VOLUMES]).toBeUndefined();
      await cluster().run(["delete", "cronjob", "backup", ...inNamespace]);
      cluster().tell(
        "stories",
        `${stories.length} of the tour; Pod, StatefulSet and CronJob ran, with annotations as told`,
      );
    });
  });
});

function cronJob(cluster: E2eCluster, schedule: string): KubernetesObject {
  const labels = { app: "backup" };
  const container = nodeContainer(cluster, "backup", "process.exit()");
  const pod = {
    restartPolicy: "Never",
    containers: [{ ...container, volumeMounts: [{ name: "store", mountPath: "/store" }] }],
    volumes: [{ name: "store", persistentVolumeClaim: { claimName: "backups" } }],
  };
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "backup", namespace: NAMESPACE, labels },
    spec: {
      schedule,
      concurrencyPolicy: "Forbid",
      jobTemplate: { metadata: { labels }, spec: { template: { metadata: { labels }, spec: pod } } },
    },
  };
}
