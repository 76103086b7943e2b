/** The cluster that main.ts has found or brought up, for a test; without main.ts the tests are skipped, each of them visibly. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { type ApiClient, createApiClient } from "../../support/api-client.ts";
import { formatKubeconfig, runKubectl } from "../../support/control-plane/kubectl.ts";
import type { ControlPlane } from "../../support/control-plane/start.ts";
import { readEndpoint } from "../access.ts";
import { record } from "../report.ts";
import type { Amounts } from "../scenarios.ts";
import { amountsOf, type E2eSettings, readSettings } from "../settings.ts";

/** Everything that takes a control plane takes this one. It is somebody else's: it can't be stopped. */
export interface E2eCluster extends ControlPlane {
  readonly settings: E2eSettings;
  readonly amounts: Amounts;
  readonly api: ApiClient;
  /** Throws when kubectl fails. */
  run(args: readonly string[], stdin?: string): Promise<string>;
  /** A row of the table at the end, and a line now. */
  tell(scenario: string, figures: string): void;
}

const settings = readSettings(process.env);

/** `tests` get the cluster as a function: it is there once the tests run. */
export function describeE2e(name: string, tests: (cluster: () => E2eCluster) => void): void {
  if (!settings) {
    describe.skip(`${name} (runs by \`npm run e2e\`)`, () => tests(notRunning));
    return;
  }
  describe(name, () => {
    let cluster: E2eCluster | undefined;
    beforeAll(async () => {
      cluster = await openCluster(settings);
    });
    afterAll(() => cluster?.stop());
    tests(() => cluster ?? notRunning());
  });
}

/** For what is known before the tests run, such as how many of them there are. */
export const amounts: Amounts | undefined = settings && amountsOf(settings);
export const hasHelm = settings?.helm !== undefined;
export const soakSeconds = settings?.soakSeconds ?? 0;

async function openCluster(settings: E2eSettings): Promise<E2eCluster> {
  const { kubeconfigPath, reportPath } = settings;
  const directory = mkdtempSync(join(tmpdir(), "portcullis-e2e-"));
  const endpoint = readEndpoint(kubeconfigPath);
  const kubectl: ControlPlane["kubectl"] = (args, { kubeconfig = kubeconfigPath, stdin = "" } = {}) =>
    runKubectl(settings.kubectl, kubeconfig, args, stdin);
  const run = async (args: readonly string[], stdin = "") => {
    const { status, stdout, stderr } = await kubectl(args, { stdin });
    if (status !== 0) throw new Error(`kubectl ${args.join(" ")}: status ${status}: ${stderr}`);
    return stdout;
  };
  const withoutApi = {
    ...endpoint,
    version: String(JSON.parse(await run(["get", "--raw", "/version"])).gitVersion),
    directory,
    kubeconfigPath,
    clusterIpPrefix: "",
    devKubeconfigPath: "",
    auditLogPath: "",
    writeKubeconfig(credentials: { readonly user: string; readonly token: string }) {
      const path = join(directory, `${encodeURIComponent(credentials.user)}.kubeconfig`);
      writeFileSync(path, formatKubeconfig(endpoint, credentials), { mode: 0o600 });
      return path;
    },
    kubectl,
    stopApiServer: notOurs,
    restartApiServer: notOurs,
    restartEtcd: notOurs,
    startSecondApiServer: notOurs,
  };
  const api = createApiClient({ ...withoutApi, stop: async () => {} });
  return {
    ...withoutApi,
    settings,
    amounts: amountsOf(settings),
    api,
    run,
    tell(scenario, figures) {
      process.stdout.write(`  ${scenario}: ${figures}\n`);
      record(reportPath, scenario, figures);
    },
    async stop() {
      api.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function notOurs(): never {
  throw new Error("the control plane is not the tests' own");
}

function notRunning(): never {
  throw new Error("the cluster is not open yet");
}
