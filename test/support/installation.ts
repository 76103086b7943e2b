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
import { CANARY_MESSAGE } from "../../src/policy/policy.ts";
import { CANARY_LABEL } from "../../src/registration/desired.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { type Program, type ProgramEnvironment, startProgram } from "./program.ts";
import { waitUntilHealthy } from "./wait.ts";

export { waitUntil } from "./wait.ts";

export const SHIPPED_POLICIES = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
const BASE = new URL("../../manifests/base/", import.meta.url);

export interface InstallationOptions {
  readonly policyDir?: string;
  /** Laid over the variables of the Deployment. */
  readonly env?: ProgramEnvironment;
}

export interface PodOptions {
  /** Its own, behind a balancer. Default: the ClusterIP, on the Service's port, as the one Pod there is. */
  readonly address?: string;
  /** Default: a random one, of no Pod that the API knows. */
  readonly uid?: string;
  readonly policyDir?: string;
  /** Laid over everything else. */
  readonly env?: ProgramEnvironment;
  /** After the end of init, before the server starts. */
  readonly afterInit?: (pod: InitialisedPod) => Promise<void>;
}

export interface InitialisedPod {
  readonly uid: string;
  readonly certDir: string;
  readonly init: Program;
}

export interface RunningPod extends InitialisedPod {
  readonly server: Program;
  /** SIGTERM, and the end of the process. */
  stop(): Promise<void>;
}

export interface Installation {
  readonly namespace: string;
  readonly clusterIp: string;
  readonly port: number;
  /** Starts init on a new emptyDir, as a new Pod would, and does not wait for its end. */
  startInit(options?: PodOptions): InitialisedPod;
  /** Runs init to its end and starts the server. Throws when either fails. */
  startPod(options?: PodOptions): Promise<RunningPod>;
  /** Whether a dry run of the canary is refused by us, through the API server. */
  isEnforcing(): Promise<boolean>;
  /** Ends what runs and removes the Pods' directories; the control plane stays. */
  stop(): Promise<void>;
}

/** Where a Pod with an address of its own listens: the ports of the Deployment. */
export const POD_PORT = 8443;
const HEALTH_PORT = 8080;

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
  const inits: Program[] = [];
  const pods: RunningPod[] = [];

  const environmentOf = (container: Manifest, uid: string, podOptions: PodOptions) => ({
    ...variablesOf(container, {
      "metadata.namespace": namespace,
      "metadata.name": `portcullis-${uid.slice(0, 5)}`,
      "metadata.uid": uid,
    }),
    CERT_DIR: join(directory, uid),
    POLICY_DIR: podOptions.policyDir ?? options.policyDir ?? SHIPPED_POLICIES,
    LOG_LEVEL: "debug",
  });

  const startInit = (podOptions: PodOptions = {}): InitialisedPod => {
    const uid = podOptions.uid ?? randomUUID();
    const certDir = join(directory, uid);
    mkdirSync(certDir);
    const init = startProgram("init", {
      ...environmentOf(pod.initContainers[0], uid, podOptions),
      WEBHOOK_PORT: String(port),
      KUBECONFIG: kubeconfig,
      ...options.env,
      ...podOptions.env,
    });
    inits.push(init);
    return { uid, certDir, init };
  };

  const startServer = async (initialised: InitialisedPod, podOptions: PodOptions): Promise<RunningPod> => {
    const address = podOptions.address ?? clusterIp;
    const server = startProgram("server", {
      ...environmentOf(pod.containers[0], initialised.uid, podOptions),
      LISTEN_ADDRESS: address,
      PORT: String(podOptions.address === undefined ? port : POD_PORT),
      HEALTH_PORT: String(HEALTH_PORT),
      DRAIN_SECONDS: "0",
      ...options.env,
      ...podOptions.env,
    });
    const running: RunningPod = {
      ...initialised,
      server,
      async stop() {
        server.kill("SIGTERM");
        await server.exited;
        // A keeper, like any sidecar, ends after the containers that it is for.
        initialised.init.kill("SIGTERM");
        await initialised.init.exited;
        rmSync(initialised.certDir, { recursive: true, force: true });
      },
    };
    pods.push(running);
    await waitUntilHealthy(server, `http://${address}:${HEALTH_PORT}/readyz`);
    return running;
  };

  return {
    namespace,
    clusterIp,
    port,
    startInit,
    async startPod(podOptions = {}) {
      const initialised = startInit(podOptions);
      await finishInit(initialised.init, { ...options.env, ...podOptions.env });
      await podOptions.afterInit?.(initialised);
      return await startServer(initialised, podOptions);
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
      for (const init of inits) init.kill("SIGKILL");
      await Promise.all(pods.map((running) => running.stop()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Until it has ended, or for a keeper until its first round is done. */
async function finishInit(init: Program, { CERT_RENEWAL, KEEPER_PORT = "8081" }: ProgramEnvironment): Promise<void> {
  if (CERT_RENEWAL === "keeper") return await waitUntilHealthy(init, `http://127.0.0.1:${KEEPER_PORT}/healthz`);
  const { status } = await init.exited;
  if (status !== 0) throw new Error(`init ended with status ${status}: ${init.stderr()}${init.stdout()}`);
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
