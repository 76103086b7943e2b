/**
 * The proofs of rotation for as long as you like: `npm run soak` (see USAGE). Replicas are restarted one round
 * after the other, or renew by themselves, under load the whole time. Ends with status 1 if a single call failed.
 */
import { parseArgs } from "node:util";
import { readCertificates } from "../../src/tls/inspect.ts";
import { createApiClient } from "../support/api-client.ts";
import { findAssets } from "../support/control-plane/find-assets.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { type ControlPlane, startControlPlane } from "../support/control-plane/start.ts";
import { kubectlOrThrow } from "../support/installation.ts";
import { callWhile, summarise } from "../support/load.ts";
import type { ConnectionMode } from "../support/replicas.ts";
import { installClosed, withReplicas } from "../support/restart-under-load.ts";
import { trustOnlyNewest } from "../support/trust-only-newest.ts";
import { SHIPPED_WRITES } from "../support/writes.ts";

const USAGE = `npm run soak [-- OPTION ...]
  --minutes 30      how long, at least
  --replicas 2
  --mode fresh      or pooled: whether the API server has to connect anew for every call
  --lag-ms 1500     how late the list of endpoints is
  --rate 60         calls a second
  --keeper          keepers renew the certificates, in place of restarts
  --validity 10m    of a keeper's certificates
  --replace         the mistake: every new CA replaces the others. Must fail
  --help            this text\n`;

const OPTIONS = {
  minutes: { type: "string", default: "30" },
  replicas: { type: "string", default: "2" },
  mode: { type: "string", default: "fresh" },
  "lag-ms": { type: "string", default: "1500" },
  rate: { type: "string", default: "60" },
  keeper: { type: "boolean", default: false },
  validity: { type: "string", default: "10m" },
  replace: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;
const REPORT_INTERVAL_MS = 60_000;

async function soak(controlPlane: ControlPlane, values: ReturnType<typeof readArguments>): Promise<number> {
  const { mode, count, lagMs, ratePerSecond, durationMs, keeper, validity, replace } = values;
  const installation = await installClosed(controlPlane);
  const api = createApiClient(controlPlane);
  const env = keeper ? { CERT_RENEWAL: "keeper", CERT_VALIDITY: validity } : {};
  const afterInit = replace ? { afterInit: trustOnlyNewest.bind(undefined, controlPlane) } : {};
  try {
    return await withReplicas(
      controlPlane,
      installation,
      { count, mode, lagMs, env, ...afterInit },
      async (replicas) => {
        const endMs = performance.now() + durationMs;
        let failed = 0;
        for (let round = 1; performance.now() < endMs; round++) {
          const before = replicas.connections().accepted;
          const load = { clients: [api], writes: SHIPPED_WRITES, ratePerSecond, minCalls: 0 };
          const report = await callWhile(load, () =>
            keeper ? new Promise((resolve) => setTimeout(resolve, REPORT_INTERVAL_MS)) : replicas.restart(),
          );
          failed += report.failed;
          const connections = replicas.connections().accepted - before;
          const counts = `, ${connections} connections, ${await countCas(controlPlane)} CAs in the bundle`;
          process.stdout.write(summarise(`round ${round}`, report, counts));
        }
        return failed;
      },
    );
  } finally {
    api.close();
    await installation.stop();
  }
}

async function countCas(controlPlane: ControlPlane): Promise<number> {
  const path = "jsonpath={.webhooks[0].clientConfig.caBundle}";
  const read = ["get", "validatingwebhookconfiguration", "portcullis", "-o", path];
  const bundle = Buffer.from(await kubectlOrThrow(controlPlane, read), "base64").toString();
  return readCertificates(bundle).certificates.length;
}

function readArguments() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const { mode, keeper, validity, replace } = values;
  if (!isConnectionMode(mode)) throw new Error(`--mode is fresh or pooled, not ${mode}`);
  const readNumber = (name: "minutes" | "replicas" | "lag-ms" | "rate", least = 1) => {
    const number = Number(values[name]);
    if (!(number >= least)) throw new Error(`--${name} wants a number from ${least} on, not ${values[name]}`);
    return number;
  };
  return {
    mode,
    count: readNumber("replicas"),
    lagMs: readNumber("lag-ms", 0),
    ratePerSecond: readNumber("rate"),
    durationMs: readNumber("minutes", 0) * 60_000,
    keeper,
    validity,
    replace,
  };
}

function isConnectionMode(text: string): text is ConnectionMode {
  return text === "fresh" || text === "pooled";
}

async function main(): Promise<void> {
  const values = readArguments();
  const assets = findAssets(process.env, describeThisMachine());
  if (!assets.found) throw new Error(`no control plane: ${assets.reason}`);
  const controlPlane = await startControlPlane({ assets: assets.path });
  try {
    const failed = await soak(controlPlane, values);
    process.stdout.write(failed === 0 ? "no call failed\n" : `${failed} calls failed\n`);
    process.exitCode = failed === 0 ? 0 : 1;
  } finally {
    await controlPlane.stop();
  }
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n${USAGE}`);
  process.exitCode = 2;
});
