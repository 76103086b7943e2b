/** Third height: every case as a dry run on a real API server, under a policy of its own in a namespace of its own. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KubernetesObject, ownValue, type StringMap } from "../../src/kube/objects.ts";
import { podTemplateOf } from "../../src/kube/pod-template.ts";
import { rules } from "../../src/rules/index.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { completeObject } from "../support/complete-object.ts";
import {
  installLiveCases,
  type LiveCase,
  type LiveCases,
  liveCases,
  objectPathOf,
  readUpdate,
  reasonNotLive,
} from "../support/live-cases.ts";

describeCluster("the cases of the rules, on a real API server", (controlPlane) => {
  let api: ApiClient;
  let installed: LiveCases;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    installed = await installLiveCases(controlPlane(), api);
  });

  afterAll(async () => {
    api?.close();
    await installed?.stop();
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
  const { updated } = await readUpdate(api, entry, oldObject);
  return api.send({ method: "PUT", path: `${objectPathOf(entry)}?dryRun=All`, body: updated, asUser: entry.username });
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
  // Controllers of the API server may add annotations and labels of their own; ours are these and no others.
  const ours = ["backup.velero.io/backup-volumes", "portcullis.dev/backup-volumes"];
  expectEntries(answer.body.metadata.annotations, wantedOf(entry, "annotations"), ours);
  const { labels = [] } = entry.params as { readonly labels?: readonly { readonly anyOf: readonly string[] }[] };
  const wanted = { ...inheritedLabels(entry.object), ...wantedOf(entry, "labels") };
  expectEntries(
    answer.body.metadata.labels,
    wanted,
    labels.flatMap(({ anyOf }) => anyOf),
  );
}

function wantedOf({ object, patched }: LiveCase, field: "annotations" | "labels"): StringMap {
  return { ...object.metadata?.[field], ...patched?.metadata?.[field] };
}

/** The API server gives a Job without labels those of its template. */
function inheritedLabels(object: KubernetesObject): StringMap {
  if (object.kind !== "Job" || Object.keys(object.metadata?.labels ?? {}).length > 0) return {};
  return podTemplateOf("jobs.batch", object)?.metadata.labels ?? {};
}

function expectEntries(map: StringMap | undefined, wanted: StringMap, ours: readonly string[]): void {
  for (const key of new Set([...Object.keys(wanted), ...ours])) {
    expect(ownValue(map, key), key).toBe(ownValue(wanted, key));
  }
}
