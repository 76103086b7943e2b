import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { dnsNamesOf } from "../../src/tls/profile.ts";
import type { Finding } from "../support/control-plane/machine.ts";
import type { ControlPlane } from "../support/control-plane/start.ts";
import { type Installation, type RunningPod, waitUntil } from "../support/installation.ts";
import { BACKUP_VOLUMES, NAMESPACE, type Reply, type Stage } from "./stage.ts";

const run = promisify(execFile);

/** The controllers need a moment; this is long enough for a machine under load. */
const CONTROLLER_LIMIT_MS = 30_000;

/** Stories by kubectl and helm against a real API server that calls portcullis through its Service. */
export function createClusterStage(
  controlPlane: ControlPlane,
  installation: Installation,
  firstPod: RunningPod,
  helm: Finding,
): Stage {
  let pod = firstPod;
  return {
    mode: "cluster",
    create: (object) => write(controlPlane, ["create", "-f", "-"], JSON.stringify(object)),
    patch: (kind, name, patch) =>
      write(controlPlane, ["patch", kind, name, "-n", NAMESPACE, "--type=merge", "-p", JSON.stringify(patch)]),
    async firstPodOf({ metadata }) {
      const name = `${metadata?.name}-0`;
      const get = () => controlPlane.kubectl(["get", "pod", name, "-n", NAMESPACE, "-o", "json"]);
      await waitUntil(`Pod ${name} is there`, CONTROLLER_LIMIT_MS, async () => (await get()).status === 0);
      return replyWith(JSON.parse((await get()).stdout) as KubernetesObject, `pod/${name}`);
    },
    async installChart(name, template) {
      if (!helm.found) return { verdict: "skipped", message: helm.reason };
      return await installChart(helm.path, controlPlane.kubeconfigPath, name, template);
    },
    async restart() {
      const before = await readServing(installation, pod);
      await pod.stop();
      pod = await installation.startPod();
      await waitUntil("the canary is refused again", CONTROLLER_LIMIT_MS, () => installation.isEnforcing());
      const after = await readServing(installation, pod);
      const told = [
        before.ca === after.ca ? "the same CA" : "new CA",
        before.leaf === after.leaf ? "the same certificate" : "new certificate",
      ];
      return { verdict: "admitted", message: `${told.join(", ")}: ${before.leaf} -> ${after.leaf}` };
    },
  };
}

async function write(controlPlane: ControlPlane, args: readonly string[], stdin = ""): Promise<Reply> {
  const { status, stdout, stderr } = await controlPlane.kubectl([...args, "-o", "json"], { stdin });
  if (status === 0) {
    const object = JSON.parse(stdout) as KubernetesObject;
    return replyWith(object, `${object.kind?.toLowerCase()}/${object.metadata?.name}`);
  }
  return refusal(stderr);
}

function replyWith(object: KubernetesObject, message: string): Reply {
  const corrected = object.metadata?.annotations?.[BACKUP_VOLUMES] !== undefined;
  return { verdict: corrected ? "corrected" : "admitted", message, object };
}

/** A refusal by a webhook is a verdict; any other failure is a failure of the story. */
function refusal(text: string): Reply {
  const message = text.trim();
  if (!/admission webhook "[a-z0-9.]+" denied the request/.test(message)) throw new Error(message);
  return { verdict: "refused", message };
}

async function installChart(
  helm: string,
  kubeconfig: string,
  name: string,
  template: KubernetesObject,
): Promise<Reply> {
  const chart = await mkdtemp(join(tmpdir(), "portcullis-chart-"));
  try {
    await mkdir(join(chart, "templates"));
    await writeFile(join(chart, "Chart.yaml"), JSON.stringify({ apiVersion: "v2", name, version: "1.0.0" }));
    await writeFile(join(chart, "templates", "object.yaml"), JSON.stringify(template));
    // `upgrade --install`, as people do it who try again after a refusal.
    const args = ["upgrade", "--install", name, chart, "--namespace", NAMESPACE];
    // helm keeps its own files below HOME.
    await run(helm, args, { env: { HOME: chart, PATH: process.env.PATH, KUBECONFIG: kubeconfig } });
    return { verdict: "admitted", message: `release ${name} installed` };
  } catch (error) {
    return refusal((error as { readonly stderr?: string }).stderr ?? String(error));
  } finally {
    await rm(chart, { recursive: true, force: true });
  }
}

/** Fingerprints of the certificate that the Service's address serves now, verified as the API server does, and of its CA. */
async function readServing({ clusterIp, port, namespace }: Installation, { certDir }: RunningPod) {
  const ca = readFileSync(join(certDir, "ca.crt"), "utf8");
  const servername = dnsNamesOf("portcullis", namespace)[2] ?? "";
  const leaf = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: clusterIp, port, ca, servername }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.end();
    });
    socket.once("error", reject);
  });
  return { leaf: leaf.slice(0, 23), ca: new X509Certificate(ca).fingerprint256 };
}
