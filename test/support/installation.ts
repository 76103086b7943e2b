/**
 * portcullis on a control plane without nodes: the shipped manifests are applied, and this process plays the kubelet and
 * kube-proxy, starting init and server as the Deployment's Pod says, on the very ClusterIP of the Service.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments } from "yaml";
import { CANARY_MESSAGE } from "../../src/admission/respond.ts";
import { CANARY_LABEL } from "../../src/registration/desired.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { type Program, type ProgramEnvironment, startProgram } from "./program.ts";

export const SHIPPED_POLICIES = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
const BASE = new URL("../../manifests/base/", import.meta.url);

export interface InstallationOptions {
  readonly policyDir?: string;
  /** Laid over the variables of the Deployment. */
  readonly env?: ProgramEnvironment;
}

export interface Installation {
  readonly namespace: string;
  readonly clusterIp: string;
  readonly port: number;
  /** Runs init to its end and starts the server, on a new emptyDir, as a new Pod would. Throws when either fails. */
  startPod(): Promise<RunningPod>;
  /** Whether a dry run of the canary is refused by us, through the API server. */
  isEnforcing(): Promise<boolean>;
  /** Ends what runs and removes the Pods' directories; the control plane stays. */
  stop(): Promise<void>;
}

export interface RunningPod {
  readonly uid: string;
  readonly certDir: string;
  readonly init: Program;
  readonly server: Program;
  /** SIGTERM, and the end of the process. */
  stop(): Promise<void>;
}

export async function install(controlPlane: ControlPlane, options: InstallationOptions = {}): Promise<Installation> {
  const namespaceManifest = readDocument("namespace.yaml");
  const service = readDocument("service.yaml");
  const pod = readDocument("deployment.yaml").spec.template.spec;
  const namespace: string = namespaceManifest.metadata.name;
  // Only root may listen below 1024 everywhere; the Service's port is a setting for whoever isn't.
  const port = process.getuid?.() === 0 ? 443 : 8443;
  const clusterIp = `${controlPlane.clusterIpPrefix}.10`;
  service.spec.clusterIP = clusterIp;
  service.spec.ports[0].port = port;
  await apply(controlPlane, [namespaceManifest, ...readDocuments("rbac.yaml"), service]);
  const token = await kubectlOrThrow(controlPlane, ["create", "token", pod.serviceAccountName, "-n", namespace]);
  const kubeconfig = controlPlane.writeKubeconfig({ user: pod.serviceAccountName, token: token.trim() });

  const directory = mkdtempSync(join(tmpdir(), "portcullis-pods-"));
  const pods: RunningPod[] = [];
  return {
    namespace,
    clusterIp,
    port,
    async startPod() {
      const uid = randomUUID();
      const certDir = join(directory, uid);
      mkdirSync(certDir);
      const fields = {
        "metadata.namespace": namespace,
        "metadata.name": `portcullis-${uid.slice(0, 5)}`,
        "metadata.uid": uid,
      };
      const common = { CERT_DIR: certDir, POLICY_DIR: options.policyDir ?? SHIPPED_POLICIES, LOG_LEVEL: "debug" };
      const init = startProgram("init", {
        ...variablesOf(pod.initContainers[0], fields),
        ...common,
        WEBHOOK_PORT: String(port),
        KUBECONFIG: kubeconfig,
        ...options.env,
      });
      const { status } = await init.exited;
      if (status !== 0) throw new Error(`init ended with status ${status}: ${init.stderr()}${init.stdout()}`);
      const server = startProgram("server", {
        ...variablesOf(pod.containers[0], fields),
        ...common,
        LISTEN_ADDRESS: clusterIp,
        PORT: String(port),
        HEALTH_PORT: "8080",
        DRAIN_SECONDS: "0",
        ...options.env,
      });
      await waitUntil(`http://${clusterIp}:8080/readyz answers 200`, 10_000, async () => {
        if (await hasEnded(server)) throw new Error(`the server ended: ${server.stderr()}${server.stdout()}`);
        return await isReady(`http://${clusterIp}:8080/readyz`);
      });
      const running: RunningPod = {
        uid,
        certDir,
        init,
        server,
        async stop() {
          server.kill("SIGTERM");
          await server.exited;
          rmSync(certDir, { recursive: true, force: true });
        },
      };
      pods.push(running);
      return running;
    },
    async isEnforcing() {
      const canary = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { generateName: "canary-", namespace, labels: { [CANARY_LABEL]: "true" } },
      };
      const { stderr } = await controlPlane.kubectl(["create", "--dry-run=server", "-f", "-"], {
        stdin: JSON.stringify(canary),
      });
      return stderr.includes(CANARY_MESSAGE);
    },
    async stop() {
      await Promise.all(pods.map((running) => running.stop()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Manifests are read as they are; what they lack fails where it is used. */
// biome-ignore lint/suspicious/noExplicitAny: the shape of a manifest is what the tests that use it are about
type Manifest = any;

export function readDocument(file: string): Manifest {
  return parse(readFileSync(new URL(file, BASE), "utf8"));
}

export function readDocuments(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(new URL(file, BASE), "utf8")).map((document) => document.toJS() as Manifest);
}

/** What the kubelet makes of `env`: literal values, and the downward API's fields. */
function variablesOf(container: Manifest, fields: Readonly<Record<string, string>>): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    variables[name] = value ?? fields[valueFrom.fieldRef.fieldPath];
  }
  return variables;
}

export async function apply(controlPlane: ControlPlane, objects: readonly object[]): Promise<void> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await kubectlOrThrow(controlPlane, ["apply", "-f", "-"], JSON.stringify(list));
}

export async function kubectlOrThrow(controlPlane: ControlPlane, args: readonly string[], stdin = ""): Promise<string> {
  const { status, stdout, stderr } = await controlPlane.kubectl(args, { stdin });
  if (status !== 0) throw new Error(`kubectl ${args.join(" ")}: status ${status}: ${stderr}`);
  return stdout;
}

const POLL_MS = 50;

/** Polls; throws with `what` when it doesn't come true in time. */
export async function waitUntil(what: string, limitMs: number, isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function hasEnded(program: Program): Promise<boolean> {
  return Promise.race([program.exited.then(() => true), Promise.resolve(false)]);
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).status === 200;
  } catch {
    return false;
  }
}
