/** Installation by the chart, as one does it who tries again after a failure: `helm upgrade --install`. */
import { fileURLToPath } from "node:url";
import { namespace } from "./busy.ts";
import type { E2eCluster } from "./cluster.ts";
import { PORTCULLIS } from "./enforcing.ts";
import { type HelmResult, helm, helmOrThrow } from "./helm.ts";
import { ensure } from "./installed.ts";
import { splitReference } from "./kustomize.ts";

const CHART = fileURLToPath(new URL("../../../manifests/chart", import.meta.url));
const IN_NAMESPACE = ["--namespace", PORTCULLIS];
/** As manifests/base has it; a chart doesn't make the namespace that it is installed in. */
const RESTRICTED = { "pod-security.kubernetes.io/enforce": "restricted" };

/** helm's values, as `--set-json` takes them. */
export type Values = Readonly<Record<string, unknown>>;

export async function prepareNamespace({ run }: E2eCluster): Promise<void> {
  await run(["apply", "-f", "-"], JSON.stringify(namespace(PORTCULLIS, RESTRICTED)));
}

/** A failure is a result. Does not wait: what is promised holds without. */
export function upgradeChart(cluster: E2eCluster, values: Values = {}): Promise<HelmResult> {
  const set = Object.entries({ ...imageValues(cluster), ...values }).flatMap(([path, value]) => [
    "--set-json",
    `${path}=${JSON.stringify(value)}`,
  ]);
  return helm(cluster, ["upgrade", "--install", PORTCULLIS, CHART, ...IN_NAMESPACE, ...set]);
}

export async function upgradeChartOrThrow(cluster: E2eCluster, values: Values = {}): Promise<string> {
  const { status, stdout, stderr } = await upgradeChart(cluster, values);
  if (status !== 0) throw new Error(`helm upgrade: ${stderr}`);
  return stdout;
}

export async function ensureChart(cluster: E2eCluster): Promise<void> {
  await ensure(cluster, "chart", async () => {
    await prepareNamespace(cluster);
    await upgradeChartOrThrow(cluster);
  });
}

export function uninstallChart(cluster: E2eCluster): Promise<string> {
  return helmOrThrow(cluster, ["uninstall", PORTCULLIS, ...IN_NAMESPACE, "--wait"]);
}

/** The repository keeps its registry: with `image.registry` empty it is one name. */
function imageValues({ settings }: E2eCluster): Values {
  const { newName, newTag = "", digest = "" } = splitReference(settings.image);
  return { "image.repository": newName, "image.tag": newTag, "image.digest": digest };
}
