/** The init container: settings and policies in, certificates and webhook configurations out. Composition only. */
import { connectToCluster } from "../src/cluster/client.ts";
import { readInitConfig } from "../src/config.ts";
import { describeFailure, PortcullisError } from "../src/errors.ts";
import { loadPolicies } from "../src/policy/load.ts";
import { rules } from "../src/rules/index.ts";
import { createLogger } from "../src/telemetry/logger.ts";
import { systemClock } from "./backoff.ts";
import { runInit } from "./run.ts";

async function main(): Promise<void> {
  const [command] = process.argv.slice(2);
  if (command !== undefined) {
    throw new PortcullisError("SETTINGS", `no such command: ${command}; init takes no arguments, only variables`);
  }
  const config = readInitConfig();
  const logger = createLogger("init", config.logLevel);
  const policies = loadPolicies(config.policyDir, rules);
  const connection = connectToCluster(config.kubeconfig);
  await runInit({ config, policies, connection, clock: systemClock, logger });
}

main().then(
  // An idle connection to the API server would hold the process for seconds.
  () => process.exit(0),
  (error: unknown) => {
    const { text, exitStatus } = describeFailure(error);
    process.stderr.write(`${text}\n`);
    process.exit(exitStatus);
  },
);
