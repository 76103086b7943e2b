/**
 * Entries as they are registered for policies, whose calls go to a recording webhook: what the API server sends by them, side by
 * side with what the rules say of the same requests.
 */
import { groupResource } from "../../src/kube/objects.ts";
import { isTrustedController } from "../../src/kube/owners.ts";
import { DEFAULT_ENTRY, type Phase, type Policy } from "../../src/policy/policy.ts";
import { shortDigest } from "../../src/policy/policy-hash.ts";
import { type DesiredWebhook, desiredWebhooks, webhookName } from "../../src/registration/desired.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { apply } from "./installation.ts";
import type { RecordingWebhook, ReviewedRequest } from "./recording-webhook.ts";

export interface WatchedEntry {
  readonly title: string;
  readonly phase: Phase;
  readonly policies: readonly Policy[];
  readonly path: string;
  readonly entry: Pick<DesiredWebhook, "rules" | "matchConditions" | "namespaceSelector">;
}

const PHASES = ["mutate", "validate"] as const;
const KINDS = { mutate: "MutatingWebhookConfiguration", validate: "ValidatingWebhookConfiguration" } as const;
const ANYWHERE = { service: "watched", namespace: "watched", servicePort: 443, excludeNamespaces: [] };

/** One for each phase that the policies, none of which has a selector, ask for. */
export function watchedEntriesOf(title: string, policies: readonly Policy[]): readonly WatchedEntry[] {
  return PHASES.flatMap((phase) => {
    const name = webhookName(phase, DEFAULT_ENTRY);
    const entry = desiredWebhooks(phase, policies, ANYWHERE).find((candidate) => candidate.name === name);
    if (!entry) return [];
    // Entries that ask the same are one: what differs is only who reads what they were sent.
    return { title: `${title}, ${phase}`, phase, policies, path: `/${phase}/${shortDigest(entry)}`, entry };
  });
}

/** What goes by no condition: every dry run of the test, once for each phase. */
const EVERYTHING = {
  rules: [
    {
      apiGroups: ["", "apps", "batch", "networking.k8s.io"],
      apiVersions: ["v1"],
      operations: ["CREATE", "UPDATE"],
      resources: ["*"],
    },
  ],
};

/** With failurePolicy Fail, so that a condition that can't be evaluated fails the request. */
export async function registerWatched(
  controlPlane: ControlPlane,
  webhook: RecordingWebhook,
  entries: readonly WatchedEntry[],
): Promise<void> {
  const configurations = PHASES.map((phase) => ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: KINDS[phase],
    metadata: { name: "watched" },
    webhooks: [
      ...new Map(entries.filter((one) => one.phase === phase).map((one) => [one.path, one])).values(),
      { path: everythingPath(phase), entry: EVERYTHING },
    ].map(({ path, entry }, index) => ({
      ...entry,
      name: `e${index}.${phase}.example.org`,
      clientConfig: webhook.clientConfigOf(path),
      failurePolicy: "Fail",
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      // The longest there is: how quick this process is is not the question.
      timeoutSeconds: 30,
    })),
  }));
  await apply(controlPlane, configurations);
}

export function everythingPath(phase: Phase): string {
  return `/${phase}/everything`;
}

/** The requests of the test as an entry of the phase could get them. */
export function everythingOf(webhook: RecordingWebhook, phase: Phase): readonly ReviewedRequest[] {
  return webhook.requestsOn(everythingPath(phase)).filter(({ dryRun }) => dryRun);
}

export interface Tally {
  readonly sent: number;
  readonly keptBack: number;
  /** How many of those that were sent a rule has a verdict on. */
  readonly judged: number;
  /** What was kept back although a rule has a verdict on it. */
  readonly missed: readonly ReviewedRequest[];
}

/** Of all requests that the entry's rules are about. `keyOf` tells them apart. */
export function tallyOf(
  { phase, policies, path }: WatchedEntry,
  webhook: RecordingWebhook,
  keyOf: (request: ReviewedRequest) => string,
): Tally {
  const asked = new Set(webhook.requestsOn(path).map(keyOf));
  const tally = { sent: 0, keptBack: 0, judged: 0, missed: [] as ReviewedRequest[] };
  for (const request of everythingOf(webhook, phase)) {
    const concerned = policies.filter((policy) => isAbout(policy, phase, request));
    if (concerned.length === 0) continue;
    const isJudged = concerned.some((policy) => hasVerdict(policy, phase, request));
    if (asked.has(keyOf(request))) {
      tally.sent++;
      if (isJudged) tally.judged++;
    } else {
      tally.keptBack++;
      if (isJudged) tally.missed.push(request);
    }
  }
  return tally;
}

function isAbout(policy: Policy, phase: Phase, { resource, operation }: ReviewedRequest): boolean {
  return (phase === "mutate" ? policy.mutates : policy.validates).some(({ group, resources, operations }) => {
    return group === resource.group && resources.includes(resource.resource) && operations.includes(operation);
  });
}

/** As src/admission/evaluate.ts asks: the mutating webhook is about patches, the validating one about violations. */
function hasVerdict(policy: Policy, phase: Phase, request: ReviewedRequest): boolean {
  const { username } = request.userInfo;
  const { patches, violations } = policy.rule.evaluate({
    operation: request.operation,
    object: request.object,
    ...(request.oldObject ? { oldObject: request.oldObject } : {}),
    request: {
      resource: groupResource(request.resource),
      kind: request.kind.kind,
      namespace: request.namespace ?? "",
      username,
      trustedController: isTrustedController(username, policy.trustedControllers),
    },
    now: new Date("2026-11-21T12:00:00Z"),
    params: policy.params,
    mutate: policy.mutate,
  });
  return (phase === "mutate" ? patches : violations).length > 0;
}
