/** `npm run e2e`: installs portcullis on a real cluster, and does to it what users do; see USAGE. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createCleanups } from "../support/cleanups.ts";
import { obtainHelm } from "../support/control-plane/find-helm.ts";
import { describeThisMachine, findOnPath } from "../support/control-plane/machine.ts";
import { gainAccess } from "./access.ts";
import { buildImage, loadImage } from "./image.ts";
import { hasKubeNode, type KubeNode, NO_CLUSTER, startKubeNode } from "./kube-node.ts";
import { OLDEST_VERSION } from "./oldest.ts";
import { formatTable, readReport } from "./report.ts";
import { runScenarios } from "./run-scenarios.ts";
import { SCENARIOS } from "./scenarios.ts";
import { writeSettings } from "./settings.ts";

const USAGE = `npm run e2e [-- OPTION ...] [SCENARIO ...]

Proves on a real cluster what portcullis promises: installation, the stories, restarts and upgrades under load, removal.
The cluster is the one of KUBECONFIG, if that is set: one that it may do anything to, without portcullis. E2E_IMAGE then names
the image to install, which the cluster can pull; kubectl is KUBECTL, or the one on the PATH. Without KUBECONFIG a cluster of one
node is brought up on this machine, where the scripts for it lie beside the project, and taken down at the end.

  --short         what CI runs, in four to five minutes
  --oldest        on Kubernetes ${OLDEST_VERSION}, the oldest that is supported; built first, once. For a cluster of our own only
  --rate 50       writes a second of the load
  --soak SECONDS  only memory and CPU of the Pods under load, for so long
  --keep          leave the cluster, and what is installed there, for you to look at
  --help          this text

Scenarios, all by default: ${SCENARIOS.map(({ file }) => file).join(", ")}
`;

const OPTIONS = {
  short: { type: "boolean", default: false },
  oldest: { type: "boolean", default: false },
  rate: { type: "string", default: "50" },
  soak: { type: "string", default: "0" },
  keep: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

type Options = ReturnType<typeof readArguments>;

const cleanups = createCleanups(print);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(options: Options): Promise<number> {
  const startMs = performance.now();
  const elapsed = () => `[${Math.round((performance.now() - startMs) / 1000)} s]`;
  const directory = mkdtempSync(join(tmpdir(), "portcullis-e2e-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));

  const { kubeconfigPath, kubectl, image } = await provideCluster(options, directory);
  print(`${elapsed()} ${image} can be pulled`);
  const access = await gainAccess(kubectl, kubeconfigPath, directory);
  if (!options.keep) cleanups.push(access.remove);
  const helm = await obtainHelm(process.env, describeThisMachine());
  if (!helm.found) print(`no helm, its scenarios are skipped: ${helm.reason}`);
  print(`${elapsed()} ${access.serverUrl}`);

  const reportPath = join(directory, "report");
  Object.assign(
    process.env,
    writeSettings({
      kubeconfigPath: access.kubeconfigPath,
      kubectl,
      helm: helm.found ? helm.path : undefined,
      image,
      form: options.short ? "short" : "long",
      reportPath,
      ratePerSecond: options.ratePerSecond,
      soakSeconds: options.soakSeconds,
    }),
  );
  const ok = await runScenarios(chooseFiles(options));
  print(`\n${formatTable(readReport(reportPath))}\n`);
  print(`${elapsed()} ${ok ? "everything went as promised" : "FAILED"}`);
  return ok ? 0 : 1;
}

function chooseFiles({ short, soakSeconds, scenarios }: Options): readonly string[] {
  if (soakSeconds > 0) return ["soak"];
  if (scenarios.length > 0) return scenarios;
  return SCENARIOS.filter((scenario) => !short || scenario.short).map(({ file }) => file);
}

interface Provided {
  readonly kubeconfigPath: string;
  readonly kubectl: string;
  readonly image: string;
}

async function provideCluster({ oldest, keep }: Options, directory: string): Promise<Provided> {
  const { KUBECONFIG, E2E_IMAGE } = process.env;
  if (KUBECONFIG) {
    if (!E2E_IMAGE) throw new UsageError("with KUBECONFIG, E2E_IMAGE names the image to install");
    if (oldest) throw new UsageError("--oldest is for a cluster of our own: unset KUBECONFIG");
    if (!existsSync(KUBECONFIG)) throw new UsageError(`${KUBECONFIG} is not there`);
    const kubectl = process.env.KUBECTL ?? findOnPath("kubectl", process.env);
    if (kubectl === undefined) throw new UsageError("there is no kubectl on the PATH");
    return { kubeconfigPath: KUBECONFIG, kubectl, image: E2E_IMAGE };
  }
  if (!hasKubeNode())
    throw new NoClusterError("no cluster: KUBECONFIG is not set, and there are no scripts to bring one up");
  const cluster = bringUp(oldest ? OLDEST_VERSION : undefined);
  if (!keep) cleanups.push(cluster.stop);
  const image = await buildImage({ directory });
  await loadImage(image, cluster.index);
  return { ...cluster, image: image.ref };
}

function bringUp(version: string | undefined): KubeNode {
  try {
    return startKubeNode({ version, env: process.env, print });
  } catch (error) {
    throw new NoClusterError((error as Error).message);
  }
}

class UsageError extends Error {}
/** This machine can't have one, of which nothing follows for portcullis. */
class NoClusterError extends Error {}

function readArguments() {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const { soak, rate, ...flags } = values;
  const unknown = positionals.filter((name) => !SCENARIOS.some(({ file }) => file === name));
  if (unknown.length > 0) throw new UsageError(`no such scenario: ${unknown.join(", ")}`);
  return {
    ...flags,
    soakSeconds: readNumber("--soak", soak, 0),
    ratePerSecond: readNumber("--rate", rate, 1),
    scenarios: positionals,
  };
}

function readNumber(option: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least) throw new UsageError(`${option} ${text}: not a number`);
  return number;
}

// npm puts the path of its own node there; the scripts that bring up a cluster take it for the node's name.
delete process.env.NODE;

let status: number;
try {
  const options = readArguments();
  status = 0;
  if (options.help) process.stdout.write(USAGE);
  else status = await main(options);
} catch (error) {
  await cleanups.unlessInterrupted();
  const isUsage =
    error instanceof UsageError || String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
  const { message, stack } = error as Error;
  const hint = "Set KUBECONFIG and E2E_IMAGE to take a cluster of yours; --help says more.";
  const isNoCluster = error instanceof NoClusterError;
  process.stderr.write(`${isUsage ? `${message}\n\n${USAGE}` : isNoCluster ? `${message}\n${hint}` : stack}\n`);
  status = isUsage ? 2 : isNoCluster ? NO_CLUSTER : 1;
}
await cleanups.run();
process.exit(status);
