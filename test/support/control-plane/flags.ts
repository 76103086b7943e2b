/** The command lines of etcd, kube-apiserver and kube-controller-manager: all on loopback, nothing shared. */
import { join, resolve } from "node:path";
import type { Slot } from "./claim-slot.ts";

/** The files that more than one component, or a component and a test, must agree on. */
export interface Files {
  readonly etcdData: string;
  /** kube-apiserver makes itself a CA and a certificate here the first time it starts. */
  readonly certificates: string;
  readonly servingCertificate: string;
  readonly caCertificate: string;
  readonly tokens: string;
  readonly serviceAccountKey: string;
  readonly auditLog: string;
}

export function nameFiles(directory: string): Files {
  const certificates = join(directory, "certificates");
  return {
    etcdData: join(directory, "etcd"),
    certificates,
    servingCertificate: join(certificates, "apiserver.crt"),
    caCertificate: join(directory, "ca.crt"),
    tokens: join(directory, "tokens.csv"),
    serviceAccountKey: join(directory, "service-account.key"),
    auditLog: join(directory, "audit.log"),
  };
}

export function etcdFlags(slot: Slot, files: Files): string[] {
  const clientUrl = `http://127.0.0.1:${slot.etcdClientPort}`;
  const peerUrl = `http://127.0.0.1:${slot.etcdPeerPort}`;
  return [
    "--name=default",
    `--data-dir=${files.etcdData}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    "--unsafe-no-fsync", // the data doesn't outlive the test, let alone a power cut
  ];
}

export interface ApiServerOptions {
  /** Turns auditing on. */
  readonly auditPolicyPath?: string;
  readonly extraApiServerFlags?: readonly string[];
}

/** `port`: of this one among the API servers of the slot, which share etcd, certificates and tokens. */
export function apiServerFlags(
  slot: Slot,
  port: number,
  files: Files,
  { auditPolicyPath, extraApiServerFlags = [] }: ApiServerOptions,
): string[] {
  return [
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    // By default the address of the default route's interface: a machine without a network has none, and 127.0.0.1 is
    // where the server is. The API refuses loopback addresses in Endpoints, so that nobody can maintain those of the
    // Service "kubernetes"; nothing here uses them.
    "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none",
    // On Linux all of 127.0.0.0/8 is this machine: a process that listens on a Service's ClusterIP is called there
    // by kube-apiserver's webhooks (--enable-aggregator-routing is off), as if kube-proxy had sent the call on.
    `--service-cluster-ip-range=${slot.clusterIpPrefix}.0/24`,
    `--etcd-servers=http://127.0.0.1:${slot.etcdClientPort}`,
    `--cert-dir=${files.certificates}`,
    "--authorization-mode=RBAC",
    `--token-auth-file=${files.tokens}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    `--service-account-key-file=${files.serviceAccountKey}`,
    "--allow-privileged=true", // as on a cluster made by kubeadm; the default refuses privileged Pods
    ...(auditPolicyPath === undefined
      ? []
      : [`--audit-policy-file=${resolve(auditPolicyPath)}`, `--audit-log-path=${files.auditLog}`]),
    ...extraApiServerFlags,
  ];
}

export function controllerManagerFlags(files: Files, kubeconfigPath: string): string[] {
  return [
    `--kubeconfig=${kubeconfigPath}`,
    "--secure-port=0", // nobody asks for its health or its metrics
    "--leader-elect=false",
    // The default, 20 a second, draws the start of its some 40 controllers out to 5 s.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    "--use-service-account-credentials=true",
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    `--root-ca-file=${files.caCertificate}`, // what the ConfigMap kube-root-ca.crt of each namespace holds
  ];
}
