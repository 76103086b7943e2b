/** A way into the cluster that a Node program can use, whatever a kubeconfig says: the token of an account made for it. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { formatKubeconfig } from "../support/control-plane/kubectl.ts";
import { wipe } from "./support/installed.ts";

/** What the tests keep in the cluster besides portcullis. */
export const E2E_NAMESPACE = "portcullis-e2e";
/** All that the scenarios make. */
const NAMESPACES = [
  E2E_NAMESPACE,
  "portcullis-e2e-elsewhere",
  "portcullis-e2e-shop",
  "under-load",
  "application",
  "velero",
];

export interface Access {
  readonly kubeconfigPath: string;
  readonly serverUrl: string;
  /** Takes everything back, portcullis included. */
  remove(): Promise<void>;
}

/** Throws where there is portcullis, or any namespace of the scenarios' own: somebody would miss it. */
export async function gainAccess(kubectl: string, usersKubeconfig: string, directory: string): Promise<Access> {
  // With all of the user's environment: a kubeconfig may name programs that need it.
  const run = async (args: readonly string[], input = "") => {
    const env = { ...process.env, KUBECONFIG: usersKubeconfig };
    const { status, stdout, stderr } = spawnSync(kubectl, args, { env, input, encoding: "utf8" });
    if (status !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const there = await run(["get", "namespace", "portcullis", ...NAMESPACES, "--ignore-not-found", "-o", "name"]);
  if (there !== "") {
    const names = there.trim().replaceAll("\n", ", ");
    throw new Error(`${names}: this needs a cluster without, which it may do anything to, and deletes them at its end`);
  }
  const account = { name: "e2e", namespace: E2E_NAMESPACE };
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: E2E_NAMESPACE } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: E2E_NAMESPACE },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
  ];
  await run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  const token = await run(["create", "token", account.name, "-n", account.namespace, "--duration=24h"]);
  const { clusters } = JSON.parse(await run(["config", "view", "--raw", "--minify", "--flatten", "-o", "json"]));
  const { server, "certificate-authority-data": caData } = clusters[0].cluster;
  const endpoint = { serverUrl: server as string, caPem: Buffer.from(caData, "base64").toString() };
  const kubeconfigPath = join(directory, "kubeconfig");
  writeFileSync(kubeconfigPath, formatKubeconfig(endpoint, { user: account.name, token: token.trim() }), {
    mode: 0o600,
  });
  return {
    kubeconfigPath,
    serverUrl: endpoint.serverUrl,
    async remove() {
      await wipe({ run });
      await run(["delete", "namespace", ...NAMESPACES, "--ignore-not-found"]);
      await run(["delete", "clusterrolebinding", E2E_NAMESPACE, "--ignore-not-found"]);
    },
  };
}

export function readEndpoint(kubeconfigPath: string): { readonly serverUrl: string; readonly caPem: string } {
  const { server, "certificate-authority-data": caData } = parse(readFileSync(kubeconfigPath, "utf8")).clusters[0]
    .cluster;
  return { serverUrl: server, caPem: Buffer.from(caData, "base64").toString() };
}
