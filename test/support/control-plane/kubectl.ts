/** kubectl, and the kubeconfigs it works with. */
import { spawn } from "node:child_process";
import { dirname } from "node:path";

export interface Credentials {
  readonly user: string;
  readonly token: string;
}

export interface Endpoint {
  readonly serverUrl: string;
  readonly caPem: string;
}

export interface KubectlOptions {
  /** What `-f -` reads. */
  readonly stdin?: string;
  /** A path. Default: the one of admin. */
  readonly kubeconfig?: string;
}

export interface KubectlResult {
  /** The exit status; null if it took longer than LIMIT_MS. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 120_000;

/** Asynchronous, so that the calling process can itself be the webhook server that the command leads to. */
export function runKubectl(
  program: string,
  kubeconfigPath: string,
  args: readonly string[],
  stdin: string,
): Promise<KubectlResult> {
  const child = spawn(program, args, {
    // kubectl reads and writes ~/.kube: the user's preferences must not count, nor its cache grow.
    env: { PATH: process.env.PATH, HOME: dirname(kubeconfigPath), KUBECONFIG: kubeconfigPath },
    timeout: LIMIT_MS,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => {}); // a command that doesn't read its input may end before it is written
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}

/** JSON, which is YAML. */
export function formatKubeconfig({ serverUrl, caPem }: Endpoint, { user, token }: Credentials): string {
  const name = "control-plane";
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name,
        cluster: { server: serverUrl, "certificate-authority-data": Buffer.from(caPem).toString("base64") },
      },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name, context: { cluster: name, user } }],
    "current-context": name,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
