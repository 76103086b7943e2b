/**
 * What nodes do for portcullis, on a control plane that has none: looks at the API again and again, runs what the Deployment and the
 * Jobs ask for, and tells the API what became of it. So `kubectl rollout status` and `kubectl wait` end by themselves.
 */
import { type Account, startCommand, stealToken } from "./accounts.ts";
import { createApiClient } from "./api-client.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import type { Installation, RunningPod } from "./installation.ts";
import { type MountedConfigMap, mountConfigMap } from "./mounted-config-map.ts";
import type { Program, ProgramEnvironment } from "./program.ts";

export interface StandInKubelet {
  /** The one server, however many replicas there should be. */
  pod(): RunningPod | undefined;
  /** As when the node dies. The next template of the Deployment is run again. */
  killPod(): Promise<void>;
  /** Laid over the variables of Pods to come. */
  setEnvironment(env: ProgramEnvironment): void;
  /** Ends what it has started. */
  stop(): Promise<void>;
}

interface Running {
  readonly template: string;
  readonly configMap: string;
  readonly pod: RunningPod;
  readonly mounted: MountedConfigMap;
  mountedData: string;
}

// biome-ignore lint/suspicious/noExplicitAny: objects as the API server gives them
type Live = any;

const POLL_MS = 200;
/** Longer ago than minReadySeconds. */
const READY_SINCE = "2020-01-01T00:00:00Z";

/** Until stop(); to be started in a test, or before each. Images other than that of its first Pod can't be pulled. */
export function startStandInKubelet(controlPlane: ControlPlane, installation: Installation): StandInKubelet {
  const { namespace, port } = installation;
  const api = createApiClient(controlPlane);
  const pathOf = (resource: string, root = "/api/v1") => `${root}/namespaces/${namespace}/${resource}`;
  const jobs = new Map<string, Program>();
  const reports: Promise<void>[] = [];
  let environment: ProgramEnvironment = {};
  let image: string | undefined;
  let running: Running | undefined;
  /** Neither a template that has failed nor one whose Pod was killed is tried again. */
  let given: string | undefined;
  let isStopping = false;

  const read = async (path: string): Promise<Live> => {
    const { status, body } = await api.send({ method: "GET", path });
    return status === 200 ? body : undefined;
  };
  const listPods = async (selector: string): Promise<Live[]> =>
    (await read(`${pathOf("pods")}?labelSelector=${selector}`))?.items ?? [];
  const listServers = () => listPods("app.kubernetes.io/component=server");
  const readData = async (configMap: string) => (await read(pathOf(`configmaps/${configMap}`)))?.data ?? {};
  const setStatus = (pod: string, status: object) =>
    api.send({
      method: "PATCH",
      path: pathOf(`pods/${pod}/status`),
      body: { status },
      contentType: "application/merge-patch+json",
    });
  const setReady = (pod: string, isReady: boolean) => {
    const condition = { type: "Ready", status: isReady ? "True" : "False", lastTransitionTime: READY_SINCE };
    return setStatus(pod, { phase: "Running", conditions: [condition] });
  };

  async function followDeployment(): Promise<void> {
    const deployment = await read(pathOf("deployments/portcullis", "/apis/apps/v1"));
    if (!deployment) return;
    const template = JSON.stringify(deployment.spec.template);
    if (template !== given) {
      given = template;
      await runTemplate(template, deployment.spec.template.spec);
    }
    if (running?.template === template) await markReady(running);
  }

  async function runTemplate(template: string, { containers, volumes }: Live): Promise<void> {
    image ??= containers[0].image;
    if (containers[0].image !== image) return;
    const configMap = policiesOf(volumes) ?? "";
    const data = await readData(configMap);
    const mounted = mountConfigMap(data);
    const before = running;
    const options = { policyDir: mounted.directory, env: environment };
    const pod = await installation.startPod({ ...options, afterInit: async () => void (await before?.pod.stop()) });
    running = { template, configMap, pod, mounted, mountedData: JSON.stringify(data) };
  }

  async function markReady({ configMap }: Running): Promise<void> {
    for (const { metadata, spec, status } of await listServers()) {
      const isReady = status.conditions?.some((found: Live) => found.type === "Ready" && found.status === "True");
      if (!isReady && policiesOf(spec.volumes) === configMap) await setReady(metadata.name, true);
    }
  }

  async function followConfigMap(): Promise<void> {
    if (!running) return;
    const data = await readData(running.configMap);
    if (JSON.stringify(data) === running.mountedData) return;
    running.mounted.swap(data);
    running.mountedData = JSON.stringify(data);
  }

  async function followJobs(): Promise<void> {
    const { items = [] } = (await read(pathOf("jobs", "/apis/batch/v1"))) ?? {};
    for (const { metadata, spec, status } of items) {
      if (jobs.has(metadata.uid) || !status.active) continue;
      const account = spec.template.metadata.labels["app.kubernetes.io/component"] as Exclude<Account, "init">;
      const policies = policiesOf(spec.template.spec.volumes);
      const program = startCommand(account, await stealToken(controlPlane, account), {
        WEBHOOK_PORT: String(port),
        ...(policies === undefined ? {} : { POLICY_DIR: mountConfigMap(await readData(policies)).directory }),
      });
      jobs.set(metadata.uid, program);
      reports.push(program.exited.then((exit) => report(metadata.name, exit.status)));
    }
  }

  async function report(job: string, status: number | null): Promise<void> {
    if (isStopping) return;
    for (const { metadata } of await listPods(`job-name=${job}`)) {
      await setStatus(metadata.name, { phase: status === 0 ? "Succeeded" : "Failed" });
    }
  }

  async function follow(): Promise<void> {
    while (!isStopping) {
      for (const step of [followDeployment, followConfigMap, followJobs]) {
        // What can't be run is missed by whoever waits for it; here is why.
        await step().catch((error: Error) => {
          if (!isStopping) process.stderr.write(`stand-in kubelet: ${error.message}\n`);
        });
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  const following = follow();

  return {
    pod: () => running?.pod,
    async killPod() {
      running?.pod.server.kill("SIGKILL");
      await running?.pod.stop();
      running = undefined;
      for (const { metadata } of await listServers()) await setReady(metadata.name, false);
    },
    setEnvironment(env) {
      environment = env;
    },
    async stop() {
      if (isStopping) return;
      isStopping = true;
      await following;
      for (const program of jobs.values()) program.kill("SIGKILL");
      await Promise.all([running?.pod.stop(), ...reports]);
      api.close();
    },
  };
}

function policiesOf(volumes: Live = []): string | undefined {
  return volumes.find(({ name }: { name: string }) => name === "policies")?.configMap.name;
}
