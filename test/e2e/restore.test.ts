/** The objects of a whole cluster come back into one with portcullis in it: nothing is refused to Velero. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { readBackup, restore } from "./support/backup.ts";
import { namespace } from "./support/busy.ts";
import { describeE2e } from "./support/cluster.ts";
import { ensureKustomized, wipe } from "./support/installed.ts";
import { oldObjects, SHOP } from "./support/old-objects.ts";
import { addVolumes, removeVolumes } from "./support/volumes.ts";

const VELERO = "velero";

describeE2e("a cluster is restored", (cluster) => {
  let backup: readonly KubernetesObject[];

  beforeAll(async () => {
    await wipe(cluster());
    await addVolumes(cluster(), 3);
    const objects = [namespace(SHOP), ...oldObjects(cluster())];
    await cluster().run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    await cluster().run(["wait", "-n", SHOP, "--for=condition=Ready", "pod/alone", "pod/database-0", "--timeout=100s"]);
    backup = await readBackup(cluster(), SHOP);
    await cluster().run(["delete", "namespace", SHOP]);
    await addVolumes(cluster(), 3);
    await ensureKustomized(cluster(), "base");
    const account = { name: VELERO, namespace: VELERO };
    const binding = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "portcullis-e2e-velero" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", ...account }],
    };
    const items = [namespace(VELERO), { apiVersion: "v1", kind: "ServiceAccount", metadata: account }, binding];
    await cluster().run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  });
  afterAll(async () => {
    await cluster().run(["delete", "namespace", SHOP, VELERO, "--ignore-not-found"]);
    await cluster().run(["delete", "clusterrolebinding", "portcullis-e2e-velero", "--ignore-not-found"]);
    await removeVolumes(cluster());
  });

  it("control: by anybody else, much of it is refused", async () => {
    await cluster().run(["apply", "-f", "-"], JSON.stringify(namespace(SHOP)));
    const refused = (await restore(cluster(), backup, "e2e", { dryRun: true })).filter(({ status }) => status === 403);
    expect(refused.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["Pod", "Deployment", "Ingress"]));
    await cluster().run(["delete", "namespace", SHOP]);
  });

  it("and by Velero's account nothing is", async () => {
    await cluster().run(["apply", "-f", "-"], JSON.stringify(namespace(SHOP)));
    const written = await restore(cluster(), backup, `system:serviceaccount:${VELERO}:${VELERO}`);
    expect(written.filter(({ status }) => status !== 201)).toEqual([]);
    const warnings = written.filter(({ warned }) => warned).length;
    expect(warnings, "but said").toBeGreaterThan(0);
    await cluster().run(["wait", "-n", SHOP, "--for=condition=Ready", "pod/alone", "pod/database-0", "--timeout=100s"]);
    const kinds = new Set(written.map(({ kind }) => kind));
    cluster().tell(
      "restore",
      `${written.length} objects of ${kinds.size} kinds, 0 refused, ${warnings} with a warning`,
    );
  });
});
