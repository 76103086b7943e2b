/** The image's other program, by command: settings in, certificates and webhook configurations out. Composition only. */
import { connectToCluster } from "../src/cluster/client.ts";
import {
  type InitConfig,
  readCleanupConfig,
  readInitConfig,
  readRegisterConfig,
  readRotateConfig,
} from "../src/config.ts";
import { describeFailure, PortcullisError } from "../src/errors.ts";
import { loadPolicies } from "../src/policy/load.ts";
import { rules } from "../src/rules/index.ts";
import type { LogLevel } from "../src/settings.ts";
import { createLogger } from "../src/telemetry/logger.ts";
import { systemClock } from "./backoff.ts";
import { createEmptydirStore } from "./certificates/emptydir-store.ts";
import { createSecretStore } from "./certificates/secret-store.ts";
import type { CertificateStore } from "./certificates/store.ts";
import { runCleanup } from "./cleanup.ts";
import { runKeeper } from "./keeper/keeper.ts";
import { runRegister } from "./register/register.ts";
import { runRotate } from "./rotate.ts";
import { runInit } from "./run.ts";

/** Without a command: the init container. */
const COMMANDS: Readonly<Record<string, () => Promise<void>>> = {
  async init() {
    const config = readInitConfig();
    const policies = loadPolicies(config.policyDir, rules);
    const cluster = connect(config);
    const context = { config, policies, store: createStore(config, cluster), ...cluster };
    if (config.certRenewal === "restart") return runInit(context);
    const stop = new AbortController();
    process.once("SIGTERM", () => stop.abort());
    // The Pod is only ready while its keeper runs, and the server needs it for nothing at this moment.
    process.on("uncaughtException", (err) => cluster.logger.error({ err }, "an error outside any round"));
    await runKeeper(context, stop.signal);
  },
  async register() {
    const config = readRegisterConfig();
    const policies = loadPolicies(config.policyDir, rules);
    const print = (line: string) => void process.stdout.write(`${line}\n`);
    await runRegister({ config, policies, print, ...connect(config) });
  },
  async rotate() {
    const config = readRotateConfig();
    await runRotate({ config, ...connect(config) });
  },
  async cleanup() {
    const config = readCleanupConfig();
    await runCleanup({ config, ...connect(config) });
  },
};

/** What every command works with, once its settings are good. */
function connect({ kubeconfig, logLevel }: { readonly kubeconfig: string | undefined; readonly logLevel: LogLevel }) {
  return { connection: connectToCluster(kubeconfig), clock: systemClock, logger: createLogger("init", logLevel) };
}

function createStore(config: InitConfig, cluster: ReturnType<typeof connect>): CertificateStore {
  const { service, namespace, certDir, podUid, keyAlgorithm, certSecret } = config;
  const options = { ...cluster, names: { service, namespace }, keyAlgorithm, validityMs: config.certValidityMs };
  return certSecret === undefined || config.certStore === "emptydir"
    ? createEmptydirStore({ ...options, certDir, podUid, serverDate: cluster.connection.serverDate })
    : createSecretStore({ ...options, secretName: certSecret });
}

async function main([name = "init", ...rest]: readonly string[]): Promise<void> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command || rest.length > 0) {
    const given = [name, ...rest].join(" ");
    throw new PortcullisError("SETTINGS", `no such command: ${given}; there are ${Object.keys(COMMANDS).join(", ")}`);
  }
  await command();
}

main(process.argv.slice(2)).then(
  // An idle connection to the API server would hold the process for seconds.
  () => process.exit(0),
  (error: unknown) => {
    const { text, exitStatus } = describeFailure(error);
    process.stderr.write(`${text}\n`);
    process.exit(exitStatus);
  },
);
