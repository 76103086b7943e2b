/** Third height: every case on a real API server, under a policy of its own in a namespace of its own; as a dry run, and then in earnest. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KubernetesObject, ownValue, type StringMap } from "../../src/kube/objects.ts";
import { podTemplateOf } from "../../src/kube/pod-template.ts";
import { rules } from "../../src/rules/index.ts";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
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
      const ofRule = liveCases.filter((candidate) => candidate.rule === rule.id);
      for (const entry of ofRule) {
        const reason = reasonNotLive(entry);
        if (reason !== undefined) it.skip(`${entry.name} (${reason})`);
        else it(entry.name, () => replay(api, entry));
      }
      const live = ofRule.filter((entry) => reasonNotLive(entry) === undefined);
      it.each(live.map((entry) => [entry.name, entry] as const))(
        "F-61, G-13: the dry run leaves nothing, and the same in earnest has its verdict: %s",
        (_name, entry) => compareWithDryRun(api, entry),
      );
    });
  }
});

const DRY_RUN = "?dryRun=All";

function create(
  api: ApiClient,
  { resource, object, objectName, liveNamespace, username }: LiveCase,
  query: string,
): Promise<ApiAnswer> {
  const body = completeObject(object, objectName, liveNamespace);
  return api.send({ method: "POST", path: `${pathOf(resource, liveNamespace)}${query}`, body, asUser: username });
}

async function update(api: ApiClient, entry: LiveCase, oldObject: KubernetesObject, query: string): Promise<ApiAnswer> {
  const { updated } = await readUpdate(api, entry, oldObject);
  return api.send({ method: "PUT", path: `${objectPathOf(entry)}${query}`, body: updated, asUser: entry.username });
}

function write(api: ApiClient, entry: LiveCase, query = ""): Promise<ApiAnswer> {
  return entry.oldObject ? update(api, entry, entry.oldObject, query) : create(api, entry, query);
}

async function compareWithDryRun(api: ApiClient, entry: LiveCase): Promise<void> {
  const before = await readState(api, entry);
  const dry = await write(api, entry, DRY_RUN);
  expect(await readState(api, entry), "after the dry run").toEqual(before);
  const earnest = await write(api, entry);
  expect(verdictOf(dry)).toEqual(verdictOf(earnest));
  const { object, oldObject } = entry;
  const isWritten = earnest.status < 300 && JSON.stringify(object) !== JSON.stringify(oldObject);
  if (!isWritten) return expect(await readState(api, entry), "after the refusal").toEqual(before);
  // What is there now would have been found after the dry run; an owner who was made up has it collected as garbage.
  if (!object.metadata?.ownerReferences) expect(await readState(api, entry), "control").not.toEqual(before);
}

/** Of what the case writes: what users write. Controllers are at work on the rest. */
async function readState(
  api: ApiClient,
  { resource, liveNamespace, objectName, object }: LiveCase,
): Promise<readonly object[]> {
  const { body } = await api.send({ method: "GET", path: pathOf(resource, liveNamespace) });
  const items: readonly KubernetesObject[] = body.items;
  const { generateName } = object.metadata ?? {};
  const isOfCase = ({ metadata }: KubernetesObject): boolean =>
    generateName === undefined ? metadata?.name === objectName : metadata?.generateName === generateName;
  return items.filter(isOfCase).map(({ metadata, spec }) => {
    const { name, labels, finalizers } = metadata as { readonly [field: string]: unknown };
    const annotations = Object.entries(metadata?.annotations ?? {}).filter(([key]) => !key.startsWith("deployment."));
    return { name, labels, finalizers, annotations, spec };
  });
}

/** What the user gets to see, but for what is made up anew with each write. */
function verdictOf({ status, body, warnings }: ApiAnswer): object {
  const { metadata = {}, spec, message, details } = body;
  const seen = {
    status,
    warnings,
    message,
    causes: details?.causes,
    labels: metadata.labels,
    annotations: metadata.annotations,
    spec,
  };
  const text = JSON.stringify(seen).replaceAll(/kube-api-access-\w+|127\.30\.\d+\.\d+/g, "");
  const madeUp = [metadata.uid, ...(metadata.generateName ? [metadata.name] : [])];
  return JSON.parse(madeUp.reduce((rest, word) => (word === undefined ? rest : rest.replaceAll(word, "")), text));
}

async function replay(api: ApiClient, entry: LiveCase): Promise<void> {
  const answer = await write(api, entry, DRY_RUN);
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
