/**
 * A real control plane on loopback for tests and demonstrations: etcd, kube-apiserver and kube-controller-manager, no
 * nodes. Pods are created and stay Pending; what they would run, the caller starts itself.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { claimSlot } from "./claim-slot.ts";
import { type Component, startComponent, waitUntilReady } from "./component.ts";
import { type ApiServerOptions, apiServerFlags, controllerManagerFlags, etcdFlags, nameFiles } from "./flags.ts";
import {
  type Credentials,
  type Endpoint,
  formatKubeconfig,
  type KubectlOptions,
  type KubectlResult,
  runKubectl,
} from "./kubectl.ts";
import { hasDefaultServiceAccount, isApiServerReady, isEtcdReady } from "./readiness.ts";
import { writeUsers } from "./users.ts";
import { startWatchdog } from "./watchdog.ts";

export interface ControlPlaneOptions extends ApiServerOptions {
  /** The directory that holds ASSETS, as found by findAssets. */
  readonly assets: string;
  /** Where to make the control plane's own directory. Default: the system's directory for temporary files. */
  readonly directory?: string;
}

export interface ControlPlane extends Endpoint {
  /** "v1.36.3" */
  readonly version: string;
  /** Holds the logs, `NAME.log`, and all else; gone after stop(). */
  readonly directory: string;
  /** The first three bytes of the Service ClusterIPs, a /24: "127.30.7". */
  readonly clusterIpPrefix: string;
  /** User admin, in system:masters. */
  readonly kubeconfigPath: string;
  /** User dev, in the group developers: may do nothing until a binding says otherwise. */
  readonly devKubeconfigPath: string;
  /** One JSON event a line; only there if there is an audit policy. */
  readonly auditLogPath: string;
  /** For the token of a ServiceAccount, say. Returns the path of the new file. */
  writeKubeconfig(credentials: Credentials): string;
  /** As admin, unless `options` names another kubeconfig. A command that fails is a result. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>;
  /** etcd stays, and the controllers wait for the return. */
  stopApiServer(): Promise<void>;
  /** Stops it, if it runs, and starts it again on the same port; ends when it is ready. */
  restartApiServer(): Promise<void>;
  /** Stops it and starts it again with its data; ends when it is ready. The API server stays, and waits for the return. */
  restartEtcd(): Promise<void>;
  /** Another one on the same etcd, with the same users, as a second control-plane node has it. Once at most. */
  startSecondApiServer(): Promise<SecondApiServer>;
  /** Ends the processes and removes the directory. */
  stop(): Promise<void>;
}

export interface SecondApiServer extends Endpoint {
  /** User admin, by way of this API server. */
  readonly kubeconfigPath: string;
}

/**
 * Several may run at once on one machine. Ready when the controllers are; throws with the end of a component's log if
 * that one fails. Ends with the calling process, if not by stop().
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const slot = await claimSlot();
  const directory = mkdtempSync(resolve(options.directory ?? tmpdir(), "portcullis-control-plane-"));
  const watchdog = startWatchdog(directory);
  const assets = resolve(options.assets);
  const components: Component[] = [];

  const run = async (name: string, flags: readonly string[], isReady: () => Promise<boolean>): Promise<Component> => {
    const component = startComponent(join(assets, name), name, flags, directory);
    watchdog.watch(component.pid);
    components.push(component);
    await waitUntilReady(component, isReady);
    return component;
  };
  const stopAll = async (): Promise<void> => {
    // Last started, first stopped: each can still reach those that it writes to.
    for (const component of components.toReversed()) await component.stop();
    watchdog.standDown();
    await slot.release();
  };

  try {
    const files = nameFiles(directory);
    const users = writeUsers(files);
    const serverUrl = `https://127.0.0.1:${slot.apiServerPort}`;
    const runEtcd = () => run("etcd", etcdFlags(slot, files), () => isEtcdReady(slot.etcdClientPort));
    let etcd = await runEtcd();
    const runApiServer = (port: number) =>
      run("kube-apiserver", apiServerFlags(slot, port, files, options), () =>
        isApiServerReady(`https://127.0.0.1:${port}`),
      );
    let apiServer = await runApiServer(slot.apiServerPort);

    const endpoint = { serverUrl, caPem: readCaPem(files.servingCertificate) };
    const writeKubeconfig = (credentials: Credentials): string => {
      const path = join(directory, `${encodeURIComponent(credentials.user)}.kubeconfig`);
      writeFileSync(path, formatKubeconfig(endpoint, credentials));
      return path;
    };
    writeFileSync(files.caCertificate, endpoint.caPem);
    const controllerManagerKubeconfig = writeKubeconfig(users.controllerManager);
    await run("kube-controller-manager", controllerManagerFlags(files, controllerManagerKubeconfig), () =>
      hasDefaultServiceAccount(endpoint, users.admin),
    );

    const kubeconfigPath = writeKubeconfig(users.admin);
    const kubectl = (args: readonly string[], { kubeconfig = kubeconfigPath, stdin = "" }: KubectlOptions = {}) =>
      runKubectl(join(assets, "kubectl"), kubeconfig, args, stdin);
    const { stdout } = await kubectl(["get", "--raw", "/version"]);
    const version: unknown = JSON.parse(stdout).gitVersion;
    let stopping: Promise<void> | undefined;
    return {
      ...endpoint,
      version: String(version),
      directory,
      clusterIpPrefix: slot.clusterIpPrefix,
      kubeconfigPath,
      devKubeconfigPath: writeKubeconfig(users.dev),
      auditLogPath: files.auditLog,
      writeKubeconfig,
      kubectl,
      stopApiServer: () => apiServer.stop(),
      async restartApiServer() {
        await apiServer.stop();
        apiServer = await runApiServer(slot.apiServerPort);
      },
      async restartEtcd() {
        await etcd.stop();
        etcd = await runEtcd();
        // First again, so that it is the last to be stopped.
        components.splice(0, 1, ...components.splice(components.indexOf(etcd), 1));
      },
      async startSecondApiServer() {
        await runApiServer(slot.secondApiServerPort);
        const second = { ...endpoint, serverUrl: `https://127.0.0.1:${slot.secondApiServerPort}` };
        const path = join(directory, "second-api-server.kubeconfig");
        writeFileSync(path, formatKubeconfig(second, users.admin));
        return { ...second, kubeconfigPath: path };
      },
      stop: () => {
        stopping ??= stopAll();
        return stopping;
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** kube-apiserver writes its certificate and, after it, the one of the CA that it has made up to sign it. */
function readCaPem(servingCertificatePath: string): string {
  const end = "-----END CERTIFICATE-----\n";
  const certificates = readFileSync(servingCertificatePath, "utf8").split(end);
  return `${certificates[1]}${end}`;
}
