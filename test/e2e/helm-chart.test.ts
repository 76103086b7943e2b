/** A chart as people install it, of MinIO's kind: refused until it is right, then its Pods run with the annotation. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKUP_VOLUMES } from "../tour/stage.ts";
import { namespace } from "./support/busy.ts";
import { describeE2e, hasHelm } from "./support/cluster.ts";
import { helm, helmOrThrow } from "./support/helm.ts";
import { ensureKustomized } from "./support/installed.ts";
import { addVolumes, removeVolumes } from "./support/volumes.ts";

const CHART = fileURLToPath(new URL("charts/store", import.meta.url));
const NAMESPACE = "portcullis-e2e-shop";

describeE2e("helm install of a store", (cluster) => {
  const install = (...set: string[]) => [
    ...["upgrade", "--install", "store", CHART, "--namespace", NAMESPACE, "--wait", "--timeout", "100s"],
    ...["--set", `image=${cluster().settings.image}`, ...set.flatMap((value) => ["--set", value])],
  ];

  describe.skipIf(!hasHelm)(hasHelm ? "with helm" : "there is no helm", () => {
    beforeAll(async () => {
      await ensureKustomized(cluster(), "base");
      await addVolumes(cluster(), 1);
      await cluster().run(["apply", "-f", "-"], JSON.stringify(namespace(NAMESPACE)));
    });
    afterAll(async () => {
      await cluster().run(["delete", "namespace", NAMESPACE]);
      await removeVolumes(cluster());
    });

    it("is refused without labels, each refusal with what to write", async () => {
      const { status, stderr } = await helm(
        cluster(),
        install("labels.app=null", "labels.app\\.kubernetes\\.io/name=null"),
      );
      expect(status).toBe(1);
      expect(stderr).toContain("LBL-MISSING metadata.labels");
    });

    it("is refused where label and rewrite disagree", async () => {
      const { status, stderr } = await helm(cluster(), install("rewrite=sitemaps-20230101"));
      expect(status).toBe(1);
      expect(stderr).toContain("ING-MISMATCH");
    });

    it("and is installed as it ships: its Pods run, the one with a claim annotated", async () => {
      await helmOrThrow(cluster(), install());
      const value = `{.metadata.annotations.${BACKUP_VOLUMES.replaceAll(".", "\\.")}}`;
      const pods = ["get", "pods", "-n", NAMESPACE, "-o", `jsonpath={range .items[*]}{.status.phase} ${value};{end}`];
      const running = (await cluster().run(pods)).split(";").map((pod) => pod.trim());
      expect(running.toSorted()).toEqual(["", "Running", "Running export"]);
      cluster().tell(
        "a chart of a store",
        "refused twice, then installed; its Pods run, the one with a claim annotated",
      );
    });

    it("switches its bucket in one upgrade", async () => {
      await helmOrThrow(cluster(), install("bucket=sitemaps-20240201"));
      const bucket = ["get", "ingress", "store", "-n", NAMESPACE, "-o", "jsonpath={.metadata.labels.bucket}"];
      expect(await cluster().run(bucket)).toBe("sitemaps-20240201");
    });
  });
});
