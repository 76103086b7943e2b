/** `npm start`: the stories on a real control plane, or on the server alone where none can be had; see --help. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, styleText } from "node:util";
import { createCleanups } from "../support/cleanups.ts";
import { obtainAssets } from "../support/control-plane/build-assets.ts";
import { obtainHelm } from "../support/control-plane/find-helm.ts";
import type { BuildProgress } from "../support/control-plane/go-build.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { startControlPlane } from "../support/control-plane/start.ts";
import { apply, install, waitUntil } from "../support/installation.ts";
import { createClusterStage } from "./cluster-stage.ts";
import { startDirectPods } from "./direct-pods.ts";
import { createDirectStage } from "./direct-stage.ts";
import { NAMESPACE, type Stage } from "./stage.ts";
import { stories } from "./stories.ts";
import { formatTold, type Told, tell } from "./tell.ts";

const USAGE = `npm start [-- --once] [--json]

Starts a real Kubernetes control plane on loopback (no nodes, no containers), lets portcullis register itself there, and
plays the stories it is for. Then it stays up for you to try by hand, until Ctrl-C.

  --once   end after the tour; status 0 only if every story went as told
  --json   the result as JSON on stdout, everything else on stderr; ends after the tour like --once
  --help   this text

The control plane's programs are taken from KUBEBUILDER_ASSETS, from setup-envtest's folder, or from the cache; else they
are built once with Go (about 5 minutes). Where that can't be done, the same stories are played on the server directly.
`;

interface Options {
  readonly once: boolean;
  readonly json: boolean;
}

let report: NodeJS.WritableStream = process.stdout;

/** For people: on stdout, unless --json needs that for the result. */
function print(line: string): void {
  report.write(`${line}\n`);
}

const cleanups = createCleanups(print);

async function main({ once, json }: Options): Promise<number> {
  if (json) report = process.stderr;
  const machine = describeThisMachine();
  const assets = await obtainAssets(process.env, machine, printProgress);
  const { stage, farewell } = assets.found
    ? await setUpCluster(assets.path, assets.origin)
    : await setUpDirect(assets.reason);
  print("");
  const told: Told[] = [];
  for (const story of stories) {
    const result = await tell(story, stage);
    told.push(result);
    print(formatTold(result));
  }
  const ok = told.every((story) => story.ok);
  const skipped = told.filter((story) => story.verdict === "skipped").length;
  print(
    `\n${told.filter((story) => story.ok).length - skipped} of ${told.length} stories went as told${skipped === 0 ? "" : `, ${skipped} skipped`}`,
  );
  if (json) process.stdout.write(`${JSON.stringify({ ok, mode: stage.mode, stories: told }, null, 2)}\n`);
  if (!once && !json) {
    print(farewell);
    await new Promise(() => {});
  }
  return ok ? 0 : 1;
}

async function setUpCluster(assets: string, origin: string): Promise<{ stage: Stage; farewell: string }> {
  const helm = await obtainHelm(process.env, describeThisMachine(), printProgress);
  print(`control plane from ${assets} (${origin})`);
  const controlPlane = await startControlPlane({ assets });
  cleanups.push(() => controlPlane.stop());
  print(`kube-apiserver ${controlPlane.version} answers at ${controlPlane.serverUrl}`);
  await apply(controlPlane, [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
  // Nobody writes yet who could be locked out: the webhooks may fail closed at once.
  const installation = await install(controlPlane, { env: { FIRST_INSTALL: "fail" } });
  cleanups.push(() => installation.stop());
  const pod = await installation.startPod();
  print(
    `init has made certificates and registered the webhooks; the server listens on ${installation.clusterIp}:${installation.port}`,
  );
  await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
  print("the canary is refused: calls arrive");
  return {
    stage: createClusterStage(controlPlane, installation, pod, helm),
    farewell: `
Try it by hand, in another terminal; Ctrl-C here ends everything:

  export KUBECONFIG=${controlPlane.kubeconfigPath}
  ${assets}/kubectl -n ${NAMESPACE} create deployment web --image=example.com/web --dry-run=server
  ${assets}/kubectl -n ${NAMESPACE} label ingress sitemaps bucket=other-20250101 --overwrite
  ${assets}/kubectl get validatingwebhookconfiguration portcullis -o yaml`,
  };
}

async function setUpDirect(reason: string): Promise<{ stage: Stage; farewell: string }> {
  print(styleText("yellow", `no control plane: ${reason}`));
  print("the stories are played on the server directly, with AdmissionReviews over verified HTTPS");
  const directory = mkdtempSync(join(tmpdir(), "portcullis-tour-"));
  cleanups.push(async () => rmSync(directory, { recursive: true, force: true }));
  const pods = await startDirectPods(directory);
  cleanups.push(() => pods.stop());
  return {
    stage: createDirectStage(await pods.replace(), () => pods.replace()),
    farewell: "\nThere is nothing to try by hand without an API server; Ctrl-C ends the server.",
  };
}

let latestProgress = "";

function printProgress({ program, elapsedSeconds }: BuildProgress): void {
  const line = `building ${program} with Go, ${elapsedSeconds} s`;
  if (line !== latestProgress) print(line);
  latestProgress = line;
}

let options: Options & { readonly help: boolean };
try {
  const flags = {
    once: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  options = parseArgs({ options: flags }).values;
} catch (error) {
  print(`${(error as Error).message}\n\n${USAGE}`);
  process.exit(2);
}
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
let status: number;
try {
  status = await main(options);
} catch (error) {
  await cleanups.unlessInterrupted();
  print(styleText("red", error instanceof Error ? (error.stack ?? error.message) : String(error)));
  status = 1;
}
await cleanups.run();
process.exit(status);
