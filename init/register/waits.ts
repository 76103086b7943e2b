/** What must be true before register may change a rule: the new servers are all there, and calls arrive at them. */
import { tryCanary } from "../../src/cluster/canary.ts";
import type { ClusterConnection } from "../../src/cluster/client.ts";
import { type DeploymentName, type Rollout, readRollout } from "../../src/cluster/deployments.ts";
import type { LiveConfiguration } from "../../src/registration/configuration.ts";
import { CANARY_WEBHOOK } from "../../src/registration/desired.ts";
import type { Logger } from "../../src/telemetry/logger.ts";
import { readCertificates } from "../../src/tls/inspect.ts";
import { type Clock, retryUntil } from "../backoff.ts";

export interface Patience {
  readonly deadline: Date;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Throws PortcullisError ROLLOUT at the deadline. */
export async function waitForRollout(
  connection: ClusterConnection,
  deployment: DeploymentName,
  { deadline, clock, logger }: Patience,
): Promise<void> {
  await retryUntil(deadline, clock, logChanges(logger, "waiting for the rollout"), async () => {
    const rollout = await readRollout(connection, deployment);
    const what = `Deployment ${deployment.namespace}/${deployment.name}`;
    if (!rollout) return { retry: `there is no ${what}`, code: "ROLLOUT" };
    if (isComplete(rollout)) return { done: undefined };
    return { retry: `${what} is not fully updated: ${describeRollout(rollout)}`, code: "ROLLOUT" };
  });
}

export interface CanaryWait extends Patience {
  readonly service: string;
  readonly namespace: string;
  readonly servicePort: number;
  /** The ValidatingWebhookConfiguration of the canary's entry. */
  readonly readConfiguration: () => Promise<LiveConfiguration | undefined>;
}

/** Throws PortcullisError CANARY at the deadline, with what is in the way. */
export async function waitForCanary(connection: ClusterConnection, wait: CanaryWait): Promise<void> {
  const { service, namespace, servicePort, readConfiguration, deadline, clock, logger } = wait;
  const way = `from the API server to the Service ${namespace}/${service}:${servicePort}`;
  await retryUntil(deadline, clock, logChanges(logger, "waiting for the canary to be refused"), async () => {
    const result = await tryCanary(connection, namespace);
    if (result.kind === "refused") return { done: undefined };
    const reason =
      result.kind === "failed"
        ? `${result.reason} (${explainFailure(result.reason)})`
        : explainAdmission(await readConfiguration(), way);
    return { retry: `the canary was not refused: ${reason}`, code: "CANARY" };
  });
}

function isComplete(rollout: Rollout): boolean {
  const { generation, observedGeneration, replicas, currentReplicas, updatedReplicas, availableReplicas } = rollout;
  return (
    observedGeneration >= generation &&
    [currentReplicas, updatedReplicas, availableReplicas].every((count) => count === replicas)
  );
}

function describeRollout(rollout: Rollout): string {
  const { generation, observedGeneration, replicas, currentReplicas, updatedReplicas, availableReplicas } = rollout;
  if (observedGeneration < generation) return `generation ${generation} has not been observed yet`;
  return `${replicas} replicas wanted, ${currentReplicas} there, ${updatedReplicas} updated, ${availableReplicas} available`;
}

/** Admitted: its entry has failurePolicy Ignore, so the API server doesn't say what went wrong with the call. */
function explainAdmission(live: LiveConfiguration | undefined, way: string): string {
  const entry = live?.webhooks.find(({ name }) => name === CANARY_WEBHOOK);
  if (!entry) return `the entry ${CANARY_WEBHOOK} is gone`;
  const caBundle = Buffer.from(entry.clientConfig.caBundle ?? "", "base64").toString();
  if (readCertificates(caBundle).certificates.length === 0) {
    return `the caBundle of ${CANARY_WEBHOOK} holds no certificate; a new Pod brings one`;
  }
  return (
    `it was admitted, so calls ${way} do not arrive, and failurePolicy Ignore lets them pass: ` +
    "a firewall between control plane and Pods, no endpoints, or a certificate that the caBundle does not verify"
  );
}

/** Go's words for what a connection may fail of. */
const FAILURES: readonly (readonly [RegExp, string])[] = [
  [/denied the request/, "another webhook refuses it"],
  [/x509|tls:/, "the server's certificate is not of a CA in the caBundle"],
  [/no endpoints|service ".*" not found/, "the Service has no ready Pod"],
  [/connection refused/, "nobody listens behind the Service: look at its targetPort"],
  [/timeout|deadline exceeded|no route to host/, "a firewall between control plane and Pods"],
];

function explainFailure(reason: string): string {
  return FAILURES.find(([pattern]) => pattern.test(reason))?.[1] ?? "the webhook can't be called";
}

/** A wait of minutes is told once, and again when its reason changes. */
function logChanges(logger: Logger, message: string): (reason: string) => void {
  let latest: string | undefined;
  return (reason) => {
    if (reason !== latest) logger.info({ reason }, message);
    latest = reason;
  };
}
