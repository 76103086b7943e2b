/**
 * The cases of the rules on a real API server: each under a policy of its own, in a namespace of its own, with what it updates
 * already there. Policies are told apart by namespace, so cases with the same params share one.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isRecord, type KubernetesObject } from "../../src/kube/objects.ts";
import { rules } from "../../src/rules/index.ts";
import { type ApiClient, pathOf } from "./api-client.ts";
import { type Case, casesOf, DEFAULT_NAMESPACE } from "./cases.ts";
import { completeObject } from "./complete-object.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import { findGatewayCrd, installGatewayCrd } from "./gateway-crd.ts";
import { apply, install, waitUntil } from "./installation.ts";

export interface LiveCase extends Case {
  readonly rule: string;
  readonly objectName: string;
  /** Holds the one policy with this case's params. */
  readonly liveNamespace: string;
}

const policies: { readonly metadata: { readonly name: string } }[] = [];
export const liveCases: readonly LiveCase[] = rules.flatMap((rule) => {
  const namespaces = new Map<string, string>();
  return casesOf(rule).map((entry, index): LiveCase => {
    // A case that names a namespace is about that namespace.
    const named = entry.namespace === DEFAULT_NAMESPACE ? undefined : entry.namespace;
    const key = JSON.stringify([entry.params, entry.mutate, named]);
    const liveNamespace = namespaces.get(key) ?? named ?? `${rule.id}-${namespaces.size}`;
    if (!namespaces.has(key)) {
      namespaces.set(key, liveNamespace);
      policies.push(policyOf(rule, entry, liveNamespace));
    }
    return { ...entry, rule: rule.id, objectName: `case-${index}`, liveNamespace };
  });
});

function policyOf({ id, mutates }: (typeof rules)[number], { params, mutate }: Case, namespace: string) {
  return {
    apiVersion: "portcullis.dev/v1alpha1",
    kind: "Policy",
    metadata: { name: namespace },
    spec: { rule: id, params, match: { namespaces: { include: [namespace] } }, ...(mutates ? { mutate } : {}) },
  };
}

const gatewayCrd = findGatewayCrd();

/** Why this one can't be had from a real API server. */
export function reasonNotLive(entry: LiveCase): string | undefined {
  if (entry.notLive !== undefined) return entry.notLive;
  if (entry.object.kind === "HTTPRoute" && !gatewayCrd.found) return `no HTTPRoutes: ${gatewayCrd.reason}`;
  if (entry.resource === "namespaces") return "the policies of these tests are told apart by namespace";
  if (entry.operation === "UPDATE" && !entry.oldObject) return "the ratchet's view of an old object";
  return undefined;
}

/** The field manager that has made what there is to update. */
export const FIELD_MANAGER = "case";

export interface LiveCases {
  stop(): Promise<void>;
}

/** Makes what the cases need and starts portcullis with their policies; returns once it refuses. */
export async function installLiveCases(controlPlane: ControlPlane, api: ApiClient): Promise<LiveCases> {
  await installGatewayCrd(controlPlane, gatewayCrd);
  await makeNamespaces(controlPlane, api);
  // What is to be updated must be there before anybody judges it.
  for (const entry of liveCases) {
    if (entry.oldObject && reasonNotLive(entry) === undefined) await createByApply(api, entry, entry.oldObject);
  }
  const policyDir = mkdtempSync(join(tmpdir(), "portcullis-policies-"));
  for (const policy of policies) {
    writeFileSync(join(policyDir, `${policy.metadata.name}.yaml`), JSON.stringify(policy));
  }
  const installation = await install(controlPlane, { policyDir, env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
  const stop = async () => {
    await installation.stop();
    rmSync(policyDir, { recursive: true, force: true });
  };
  try {
    await installation.startPod();
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

async function makeNamespaces(controlPlane: ControlPlane, api: ApiClient): Promise<void> {
  const namespaces = [...new Set(liveCases.map((entry) => entry.liveNamespace))];
  await apply(
    controlPlane,
    namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  );
  await waitUntil("every namespace has its ServiceAccount", 30_000, async () => {
    const { body } = await api.send({ method: "GET", path: "/api/v1/serviceaccounts" });
    const present = new Set(body.items.map((item: { metadata: { namespace: string } }) => item.metadata.namespace));
    return namespaces.every((name) => present.has(name));
  });
}

/** So that whoever applies it again without a field takes the field away: nobody else owns it. */
async function createByApply(api: ApiClient, entry: LiveCase, oldObject: KubernetesObject): Promise<void> {
  const { status, body } = await api.send({
    method: "PATCH",
    path: `${objectPathOf(entry)}?fieldManager=${FIELD_MANAGER}`,
    contentType: "application/apply-patch+yaml",
    body: completeObject(oldObject, entry.objectName, entry.liveNamespace),
  });
  if (status !== 201) throw new Error(`${entry.name}: status ${status}: ${JSON.stringify(body)}`);
}

export function objectPathOf({ resource, liveNamespace, objectName }: LiveCase): string {
  return `${pathOf(resource, liveNamespace)}/${objectName}`;
}

/** What a case's update is from, and to. */
export interface LiveUpdate {
  readonly stored: KubernetesObject;
  /** `stored` with nothing changed in it but what the case changes. */
  readonly updated: KubernetesObject;
}

export async function readUpdate(api: ApiClient, entry: LiveCase, oldObject: KubernetesObject): Promise<LiveUpdate> {
  const before = completeObject(oldObject, entry.objectName, entry.liveNamespace);
  const wanted = completeObject(entry.object, entry.objectName, entry.liveNamespace);
  const { body: stored } = await api.send({ method: "GET", path: objectPathOf(entry) });
  // What the API server has filled in can't be taken away again, in Pods and Jobs above all.
  return { stored, updated: carryOver(stored, before, wanted) as KubernetesObject };
}

/** The stored value with what changes between `before` and `wanted` changed in it. */
function carryOver(stored: unknown, before: unknown, wanted: unknown): unknown {
  if (isDeepStrictEqual(before, wanted)) return stored;
  // A map that the case begins may have entries of the API server's already: labels of a Job.
  if (before === undefined) return isRecord(stored) && isRecord(wanted) ? { ...stored, ...wanted } : wanted;
  if (!isRecord(stored) || !isRecord(before) || !isRecord(wanted)) return wanted;
  const result: Record<string, unknown> = { ...stored };
  for (const key of new Set([...Object.keys(before), ...Object.keys(wanted)])) {
    if (Object.hasOwn(wanted, key)) result[key] = carryOver(stored[key], before[key], wanted[key]);
    else delete result[key];
  }
  return result;
}
