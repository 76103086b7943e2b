/**
 * The only code that talks to the API server: used by init and, later, the command line. Never by the server.
 * What to write is src/registration; this knows requests, timeouts and errors.
 */
import { accessSync } from "node:fs";
import {
  AdmissionregistrationV1Api,
  ApiException,
  AppsV1Api,
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  RbacAuthorizationV1Api,
  type RequestContext,
  type ResponseContext,
  ServerConfiguration,
  VersionApi,
} from "@kubernetes/client-node";
import { PortcullisError } from "../errors.ts";

/** One request: the API server bounds its own work at 60 s, but init has better to do than to wait that long. */
const REQUEST_TIMEOUT_MS = 10_000;

export interface ClusterConnection {
  readonly admissionregistration: AdmissionregistrationV1Api;
  readonly apps: AppsV1Api;
  readonly core: CoreV1Api;
  readonly rbac: RbacAuthorizationV1Api;
  /** The `Date` of the API server's latest answer, with a second's precision. */
  readonly serverDate: () => Date | undefined;
  /** False while an API server that has just started forbids everything to everybody, what all may read included. */
  readonly hasReadRoles: () => Promise<boolean>;
}

/** From a kubeconfig file, or without one from the Pod's ServiceAccount. Throws PortcullisError API when there is neither. */
export function connectToCluster(kubeconfigPath: string | undefined): ClusterConnection {
  const kubeConfig = new KubeConfig();
  shareConnections(kubeConfig);
  try {
    if (kubeconfigPath === undefined) loadServiceAccount(kubeConfig);
    else kubeConfig.loadFromFile(kubeconfigPath);
  } catch (error) {
    const source = kubeconfigPath ?? "the Pod's ServiceAccount";
    throw new PortcullisError("API", `no way to the API server: ${source}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) throw new PortcullisError("API", `${kubeconfigPath ?? "the ServiceAccount"} names no current cluster`);
  let date: Date | undefined;
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(cluster.server, {}),
    authMethods: { default: kubeConfig },
    promiseMiddleware: [
      {
        async pre(context: RequestContext) {
          context.setSignal(AbortSignal.timeout(REQUEST_TIMEOUT_MS));
          return context;
        },
        async post(context: ResponseContext) {
          const header = context.headers.date;
          if (header !== undefined) date = new Date(header);
          return context;
        },
      },
    ],
  });
  const version = new VersionApi(configuration);
  return {
    admissionregistration: new AdmissionregistrationV1Api(configuration),
    apps: new AppsV1Api(configuration),
    core: new CoreV1Api(configuration),
    rbac: new RbacAuthorizationV1Api(configuration),
    serverDate: () => date,
    async hasReadRoles() {
      try {
        await version.getCode();
      } catch (error) {
        return !(error instanceof ApiException && error.code === 403);
      }
      return true;
    },
  };
}

/** Where the kubelet puts the token; client-node would only find out at the first request that it isn't there. */
const TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount/token";

function loadServiceAccount(kubeConfig: KubeConfig): void {
  accessSync(TOKEN_PATH);
  kubeConfig.loadFromCluster();
}

/** client-node 2.0 makes a new undici Agent, and so a new TLS connection, for every request: this keeps the first one. */
function shareConnections(kubeConfig: KubeConfig): void {
  // Private to TypeScript, an ordinary method to JavaScript; test/init/connections.test.ts counts the connections.
  const internals = kubeConfig as unknown as { createDispatcher(cluster: unknown, options: object): unknown };
  const createDispatcher = internals.createDispatcher.bind(kubeConfig);
  const dispatchers = new Map<string, unknown>();
  internals.createDispatcher = (cluster, options) => {
    const key = JSON.stringify(options);
    if (!dispatchers.has(key)) dispatchers.set(key, createDispatcher(cluster, options));
    return dispatchers.get(key);
  };
}
