/** Third height: every case as a dry run on a real API server, under a policy of its own in a namespace of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRecord, type KubernetesObject } from "../../src/kube/objects.ts";
import { rules } from "../../src/rules/index.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { type Case, casesOf, DEFAULT_NAMESPACE } from "../support/cases.ts";
import { describeCluster } from "../support/cluster.ts";
import { completeObject } from "../support/complete-object.ts";
import { apply, type Installation, install, waitUntil } from "../support/installation.ts";

interface LiveCase extends Case {
  readonly rule: string;
  readonly objectName: string;
  /** Holds the one policy with this case's params. */
  readonly liveNamespace: string;
}

const policies: object[] = [];
const liveCases = rules.flatMap((rule) => {
  const namespaces = new Map<string, string>();
  return casesOf(rule).map((entry, index): LiveCase => {
    // A case that names a namespace is about that namespace.
    const named = entry.namespace === DEFAULT_NAMESPACE ? undefined : entry.namespace;
    const key = JSON.stringify([entry.params, entry.mutate, named]);
    const liveNamespace = namespaces.get(key) ?? named ?? `${rule.id}-${namespaces.size}`;
    if (!namespaces.has(key)) {
      namespaces.set(key, liveNamespace);
      policies.push({
        apiVersion: "portcullis.dev/v1alpha1",
        kind: "Policy",
        metadata: { name: liveNamespace },
        spec: {
          rule: rule.id,
          params: entry.params,
          match: { namespaces: { include: [liveNamespace] } },
          ...(rule.mutates ? { mutate: entry.mutate } : {}),
        },
      });
    }
    return { ...entry, rule: rule.id, objectName: `case-${index}`, liveNamespace };
  });
});

/** Why this one can't be had from a real API server. */
function reasonNotLive(entry: LiveCase): string | undefined {
  if (entry.notLive !== undefined) return entry.notLive;
  if (entry.resource === "namespaces") return "the policies of these tests are told apart by namespace";
  if (entry.operation === "UPDATE" && !entry.oldObject) return "the ratchet's view of an old object";
  return undefined;
}

describeCluster("the cases of the rules, on a real API server", (controlPlane) => {
  let installation: Installation;
  let api: ApiClient;
  let policyDir: string;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    policyDir = mkdtempSync(join(tmpdir(), "portcullis-policies-"));
    for (const policy of policies) {
      const { name } = (policy as { readonly metadata: { readonly name: string } }).metadata;
      writeFileSync(join(policyDir, `${name}.yaml`), JSON.stringify(policy));
    }
    const namespaces = [...new Set(liveCases.map((entry) => entry.liveNamespace))];
    await apply(
      controlPlane(),
      namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    );
    await waitUntil("every namespace has its ServiceAccount", 30_000, async () => {
      const { body } = await api.send({ method: "GET", path: "/api/v1/serviceaccounts" });
      const present = new Set(body.items.map((item: { metadata: { namespace: string } }) => item.metadata.namespace));
      return namespaces.every((name) => present.has(name));
    });
    // What is to be updated must be there before anybody judges it.
    for (const entry of liveCases) {
      if (!entry.oldObject || reasonNotLive(entry) !== undefined) continue;
      const body = completeObject(entry.oldObject, entry.objectName, entry.liveNamespace);
      const created = await api.send({ method: "POST", path: pathOf(entry.resource, entry.liveNamespace), body });
      expect(created.status, `${entry.name}: ${JSON.stringify(created.body)}`).toBe(201);
    }
    installation = await install(controlPlane(), { policyDir, env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    await installation.startPod();
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
  });

  afterAll(async () => {
    api?.close();
    await installation?.stop();
    rmSync(policyDir, { recursive: true, force: true });
  });

  for (const rule of rules) {
    describe(rule.id, () => {
      for (const entry of liveCases.filter((candidate) => candidate.rule === rule.id)) {
        const reason = reasonNotLive(entry);
        if (reason !== undefined) it.skip(`${entry.name} (${reason})`);
        else it(entry.name, () => replay(api, entry));
      }
    });
  }
});

function create(api: ApiClient, { resource, object, objectName, liveNamespace, username }: LiveCase) {
  const body = completeObject(object, objectName, liveNamespace);
  return api.send({ method: "POST", path: `${pathOf(resource, liveNamespace)}?dryRun=All`, body, asUser: username });
}

async function update(api: ApiClient, entry: LiveCase, oldObject: KubernetesObject) {
  const { object, objectName, liveNamespace } = entry;
  const path = `${pathOf(entry.resource, liveNamespace)}/${objectName}`;
  const wanted = completeObject(object, objectName, liveNamespace);
  const before = completeObject(oldObject, objectName, liveNamespace);
  // What the API server has filled in can't be taken away again, in Pods and Jobs above all.
  const { body: stored } = await api.send({ method: "GET", path });
  const body = { ...wanted, spec: carryOver(stored.spec, before.spec, wanted.spec) };
  return api.send({ method: "PUT", path: `${path}?dryRun=All`, body, asUser: entry.username });
}

/** The stored value with what changes between `before` and `wanted` changed in it. */
function carryOver(stored: unknown, before: unknown, wanted: unknown): unknown {
  if (isDeepStrictEqual(before, wanted)) return stored;
  if (!isRecord(stored) || !isRecord(before) || !isRecord(wanted)) return wanted;
  const result: Record<string, unknown> = { ...stored };
  for (const key of new Set([...Object.keys(before), ...Object.keys(wanted)])) {
    if (Object.hasOwn(wanted, key)) result[key] = carryOver(stored[key], before[key], wanted[key]);
    else delete result[key];
  }
  return result;
}

async function replay(api: ApiClient, entry: LiveCase): Promise<void> {
  const answer = await (entry.oldObject ? update(api, entry, entry.oldObject) : create(api, entry));
  if (entry.refused.length > 0) {
    expect(answer.status, JSON.stringify(answer.body)).toBe(403);
    const causes = answer.body.details.causes as { readonly reason: string }[];
    expect(causes.map((cause) => cause.reason)).toEqual(entry.refused);
    for (const code of entry.refused) expect(answer.body.message).toContain(code);
    return;
  }
  expect(answer.status, JSON.stringify(answer.body)).toBe(entry.operation === "CREATE" ? 201 : 200);
  const annotations = answer.body.metadata.annotations ?? {};
  const wanted = { ...entry.object.metadata?.annotations, ...entry.patched?.metadata?.annotations };
  // Controllers of the API server may add annotations of their own; ours are these and no others.
  for (const key of new Set([
    ...Object.keys(wanted),
    "backup.velero.io/backup-volumes",
    "portcullis.dev/backup-volumes",
  ])) {
    expect(annotations[key], key).toBe(wanted[key as keyof typeof wanted]);
  }
}
