/**
 * What a webhook adds to a write: dry-run creates on a real API server, one after the other, in namespaces in turns. Nothing
 * looks at the first, and the others are judged by a bare webhook, with and without the matchConditions that ours has, by ours,
 * and by a policy that the API server evaluates.
 */
import { closeSync, openSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { createApiClient, pathOf } from "../support/api-client.ts";
import { type ControlPlane, startControlPlane } from "../support/control-plane/start.ts";
import { inParallel } from "../support/in-parallel.ts";
import { apply, type Installation, install, waitUntil } from "../support/installation.ts";
import {
  admissionPolicy,
  BARE_WEBHOOK,
  bareWebhooks,
  deploymentOf,
  NAMESPACES,
  namespaceOf,
  OUR_POLICY,
  serviceOf,
  WAYS,
  type Way,
} from "./api-server-manifests.ts";
import { median } from "./figures.ts";
import { DEPLOYMENT } from "./reviews.ts";
import { endWithThisProcess, startPinned } from "./server-process.ts";
import { type Workbench, writeCertificates, writePolicies } from "./workbench.ts";

/** A webhook that has been called a few times runs code that isn't compiled yet; both are asked directly first. */
const WARM_UP_REVIEWS = 30_000;
const WARM_UP_ROUNDS = 1;
const PATIENCE_MS = 60_000;
const BARE_PORT = 8443;

export interface ThroughApiServer {
  readonly version: string;
  /** Of each round. */
  p50Ms(way: Way): readonly number[];
  /** Over no webhook in the same round. */
  extraP50Ms(way: Way): readonly number[];
}

export async function measureThroughApiServer(
  bench: Workbench,
  assets: string,
  rounds: number,
  creates: number,
): Promise<ThroughApiServer> {
  const controlPlane = await startControlPlane({ assets });
  let installation: Installation | undefined;
  let stopBare = async (): Promise<void> => {};
  try {
    await apply(controlPlane, Object.values(NAMESPACES).map(namespaceOf));
    const others = Object.values(NAMESPACES).filter((name) => name !== NAMESPACES.portcullis);
    const policyDir = writePolicies(bench.makeDirectory("api-server-policies"), [OUR_POLICY], "alone");
    const env = { LOG_LEVEL: "info", EXCLUDE_NAMESPACES: others.join(","), FIRST_INSTALL: "fail" };
    installation = await install(controlPlane, { policyDir, env });
    await installation.startPod();
    stopBare = await startBareWebhook(bench, controlPlane, installation.namespace);
    await apply(controlPlane, admissionPolicy());
    await warmUp(bareIpOf(controlPlane), BARE_PORT);
    await warmUp(installation.clusterIp, installation.port);
    return await measure(controlPlane, `http://${installation.clusterIp}:8080/metrics`, rounds, creates);
  } finally {
    await stopBare();
    await installation?.stop();
    await controlPlane.stop();
  }
}

async function measure(
  controlPlane: ControlPlane,
  ourMetricsUrl: string,
  rounds: number,
  creates: number,
): Promise<ThroughApiServer> {
  const api = createApiClient(controlPlane);
  const [good, bad] = [deploymentOf({ app: "wordpress", team: "web" }), deploymentOf({ app: "wordpress" })];
  const create = (way: Way, body: object) =>
    api.send({ method: "POST", path: `${pathOf("deployments.apps", NAMESPACES[way])}?dryRun=All`, body });
  const ourCalls = async () =>
    sumOf(await (await fetch(ourMetricsUrl)).text(), "portcullis_admission_reviews_total", ['phase="validate"']);
  const bareCalls = async () => {
    const { stdout } = await controlPlane.kubectl(["get", "--raw", "/metrics"]);
    return sumOf(stdout, "apiserver_admission_webhook_request_total", [`name="${BARE_WEBHOOK}"`, 'code="200"']);
  };

  try {
    await waitUntil("ours and the policy refuse what lacks a label, and nobody else", PATIENCE_MS, async () => {
      const statuses = await Promise.all(WAYS.map(async (way) => (await create(way, bad)).status));
      // The API server refuses by a policy with 422.
      return statuses.join() === "201,201,201,403,422" && (await bareCalls()) > 0;
    });
    const [oursBefore, bareBefore] = [await ourCalls(), await bareCalls()];
    const p50s = new Map<Way, number[]>(WAYS.map((way) => [way, []]));
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      const latenciesMs = new Map<Way, number[]>(WAYS.map((way) => [way, []]));
      for (let index = 0; index < creates; index++) {
        for (const way of WAYS) {
          const startMs = performance.now();
          const { status, body } = await create(way, good);
          latenciesMs.get(way)?.push(performance.now() - startMs);
          if (status !== 201) throw new Error(`${way}: a create is answered ${status}: ${body.message}`);
        }
      }
      if (round < 0) continue;
      for (const [way, values] of latenciesMs) p50s.get(way)?.push(median(values));
    }
    const sent = (WARM_UP_ROUNDS + rounds) * creates;
    expectCalls("portcullis", (await ourCalls()) - oursBefore, sent);
    expectCalls("the bare webhook", (await bareCalls()) - bareBefore, sent);
    const p50Ms = (way: Way) => p50s.get(way) ?? [];
    return {
      version: controlPlane.version,
      p50Ms,
      extraP50Ms: (way) => p50Ms(way).map((value, round) => value - (p50Ms("no webhook")[round] ?? Number.NaN)),
    };
  } finally {
    api.close();
  }
}

async function ourMatchConditions({ kubectl }: ControlPlane): Promise<readonly object[]> {
  const { stdout } = await kubectl(["get", "validatingwebhookconfigurations", "-o", "json"]);
  const webhooks = JSON.parse(stdout).items.flatMap((item: { webhooks: readonly object[] }) => item.webhooks);
  const ours = webhooks.find(({ rules }: { rules: readonly { resources: readonly string[] }[] }) =>
    rules.some(({ resources }) => resources.includes("deployments")),
  );
  return ours.matchConditions;
}

/** A figure of calls that were not made would be a good one. */
function expectCalls(who: string, calls: number, sent: number): void {
  if (calls !== sent) throw new Error(`${who} was called ${calls} times for ${sent} creates`);
}

/** Of the samples of a metric that have all these labels. */
export function sumOf(metrics: string, name: string, labels: readonly string[]): number {
  const samples = metrics.split("\n").filter((line) => line.startsWith(`${name}{`));
  const fitting = samples.filter((line) => labels.every((label) => line.includes(label)));
  return fitting.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** With the connections that an API server keeps. */
async function warmUp(host: string, port: number): Promise<void> {
  // Ours to begin with, and whose it is is not what is measured.
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  const headers = { "Content-Type": "application/json", "Content-Length": DEPLOYMENT.length };
  const options = { host, port, path: "/validate?timeout=10s", method: "POST", agent, headers };
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      const outgoing = request(options, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${host} answers ${response.statusCode}`));
        response.resume().once("end", resolve);
      });
      outgoing.once("error", reject).end(DEPLOYMENT);
    });
  try {
    await inParallel(16, Array.from({ length: WARM_UP_REVIEWS }), ask);
  } finally {
    agent.destroy();
  }
}

function bareIpOf({ clusterIpPrefix }: ControlPlane): string {
  return `${clusterIpPrefix}.20`;
}

/** Behind a Service, as ours is. Returns what ends it. */
async function startBareWebhook(
  bench: Workbench,
  controlPlane: ControlPlane,
  namespace: string,
): Promise<() => Promise<void>> {
  const [clusterIp, port] = [bareIpOf(controlPlane), BARE_PORT];
  const certDir = bench.makeDirectory("bare-webhook-certs");
  const caPem = writeCertificates(certDir, { service: "bare", namespace });
  const log = openSync(join(bench.directory, "bare-webhook.log"), "w");
  const env = { NODE_ENV: "production", CERT_DIR: certDir, LISTEN_ADDRESS: clusterIp, PORT: String(port) };
  const stop = endWithThisProcess(startPinned([], [process.execPath, bench.bundle("bare")], env, log));
  closeSync(log);
  await apply(controlPlane, [
    serviceOf("bare", namespace, clusterIp, port),
    bareWebhooks({ service: "bare", namespace, port, caPem, matchConditions: await ourMatchConditions(controlPlane) }),
  ]);
  return stop;
}
