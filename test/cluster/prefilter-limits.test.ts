/**
 * An expression that takes too many steps has failed, and failurePolicy refuses the request: objects on which a prefilter has as
 * much to look at as it takes on, with keys as long as a request has room for, and others on which it has too much.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type KubernetesObject, ownValue, type StringMap } from "../../src/kube/objects.ts";
import { jobHygiene } from "../../src/rules/job-hygiene/rule.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import { secretEnv } from "../../src/rules/secret-env/rule.ts";
import { veleroBackup } from "../../src/rules/velero-backup/rule.ts";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { resourceOf } from "../support/cases.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, waitUntil } from "../support/installation.ts";
import { policyOf, ruleOf } from "../support/policies.ts";
import { type RecordingWebhook, startRecordingWebhook } from "../support/recording-webhook.ts";
import { everythingOf, registerWatched, watchedEntriesOf } from "../support/watched-entries.ts";

const NAMESPACE = "large";
/** As many as `celExists` reads. */
const LIMIT = 100;

/** Side by side in one expression, whose steps add up. */
const PREFILTERED = watchedEntriesOf("all", [
  policyOf(requiredLabels, { params: { labels: [{ anyOf: ["k0"] }] } }),
  policyOf(secretEnv),
  policyOf(jobHygiene),
  policyOf(veleroBackup, { params: { mode: "off" } }),
  policyOf(veleroBackup, { params: { includeEmptyDir: true }, mutate: false }),
]).filter(({ phase }) => phase === "validate");

/** Fails where there is no map of labels. */
const FAILING = watchedEntriesOf("failing", [
  policyOf(
    ruleOf(() => ({ violations: [], patches: [] }), {
      resources: [{ group: "", version: "v1", resources: ["services"], operations: ["CREATE"] }],
      mutates: [],
      prefilter: () => "'app' in object.metadata.labels",
    }),
  ),
]).filter(({ phase }) => phase === "validate");

describeCluster("prefilters of large objects", (controlPlane) => {
  let api: ApiClient;
  let webhook: RecordingWebhook;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    webhook = await startRecordingWebhook();
    await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
    await waitUntil("the namespace has its ServiceAccount", 30_000, async () => {
      const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`;
      return (await api.send({ method: "GET", path })).status === 200;
    });
    await registerWatched(controlPlane(), webhook, [...PREFILTERED, ...FAILING]);
    await waitUntil("the API server asks", 30_000, async () => {
      await createDry(objectOf("Service", { labels: { app: "web" } }, { ports: [{ port: 80 }] }));
      return everythingOf(webhook, "validate").length > 0;
    });
  });

  afterAll(async () => {
    api?.close();
    await webhook?.close();
  });

  function createDry(body: KubernetesObject): Promise<ApiAnswer> {
    return api.send({ method: "POST", path: `${pathOf(resourceOf(body), NAMESPACE)}?dryRun=All`, body });
  }

  /** Whether the API server has asked about it; fails where it couldn't tell. */
  async function isSent(body: KubernetesObject): Promise<boolean> {
    const requests = () => PREFILTERED.flatMap(({ path }) => webhook.requestsOn(path)).length;
    const before = requests();
    const { status, body: answer } = await createDry(body);
    expect(status, answer.message).toBe(201);
    return requests() > before;
  }

  const metadata = { labels: mapOf(LIMIT), annotations: mapOf(LIMIT) };
  const longMetadata = { labels: mapOf(LIMIT, 120), annotations: mapOf(LIMIT, 120) };

  it("with all that is looked at, and nothing found, are not sent", async () => {
    expect(await isSent(objectOf("Pod", metadata, podSpecOf(LIMIT)))).toBe(false);
    expect(await isSent(objectOf("Deployment", metadata, workloadSpecOf(metadata, LIMIT)))).toBe(false);
    expect(await isSent(objectOf("CronJob", metadata, cronJobSpecOf(metadata, LIMIT)))).toBe(false);
  });

  it("with claim templates that are as large as a request has room for, are sent", async () => {
    const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
    const volumeClaimTemplates = listOf(LIMIT, (index) => ({
      metadata: { ...longMetadata, name: `claim-${index}` },
      spec: claim,
    }));
    const spec = { ...workloadSpecOf(metadata, 20), serviceName: "large", volumeClaimTemplates };
    const object = objectOf("StatefulSet", metadata, spec);
    expect(JSON.stringify(object).length).toBeGreaterThan(2.5 * 1024 * 1024);
    expect(await isSent(object)).toBe(true);
  });

  it.each<[string, KubernetesObject]>([
    ["labels", objectOf("Pod", { labels: mapOf(LIMIT + 1) }, podSpecOf(1))],
    ["annotations", objectOf("Pod", { labels: mapOf(1), annotations: mapOf(LIMIT + 1) }, podSpecOf(1))],
    ["containers", objectOf("Pod", metadata, podSpecOf(LIMIT + 1))],
    ["labels of a template", objectOf("Deployment", metadata, workloadSpecOf({ labels: mapOf(LIMIT + 1) }, 1))],
    ["tens of thousands of labels", objectOf("Pod", { labels: mapOf(20_000) }, podSpecOf(1))],
    ["tens of thousands of volumes", objectOf("Pod", metadata, { ...podSpecOf(1), volumes: volumesOf(10_000) })],
  ])("with more %s than are looked at, are sent", async (_what, object) => {
    expect(await isSent(object)).toBe(true);
  });

  it("control: an expression that can't be evaluated fails the request", async () => {
    const { status, body } = await createDry(objectOf("Service", {}, { ports: [{ port: 80 }] }));
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body.message).toContain("no such key: labels");
  });
});

interface Maps {
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
}

function objectOf(kind: string, maps: Maps, spec: object): KubernetesObject {
  const group = { Deployment: "apps/v1", StatefulSet: "apps/v1", CronJob: "batch/v1" };
  const apiVersion = ownValue(group, kind) ?? "v1";
  return { apiVersion, kind, metadata: { name: "large", namespace: NAMESPACE, ...maps }, spec };
}

/** The first key is `k0`; the others have as many characters more, as prefixes with a slash have them. */
function mapOf(size: number, more = 0): StringMap {
  const prefix = more === 0 ? "" : `${"a".repeat(60)}.${"b".repeat(more - 62)}/`;
  return Object.fromEntries(listOf(size, (index) => [index === 0 ? "k0" : `${prefix}k${index}`, "v"]));
}

function podSpecOf(containers: number) {
  const env = listOf(LIMIT, () => ({ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }));
  const containersOf = (field: string) =>
    listOf(containers, (index) => ({ name: `${field}-${index}`, image: "example.com/large:1", env }));
  return {
    // It would be a volume more.
    automountServiceAccountToken: false,
    containers: containersOf("main"),
    initContainers: containersOf("init"),
    volumes: volumesOf(LIMIT),
  };
}

function volumesOf(count: number) {
  return listOf(count, (index) => ({ name: `volume-${index}`, configMap: { name: "settings" } }));
}

function workloadSpecOf(metadata: Maps, containers: number) {
  return {
    selector: { matchLabels: { k0: "v" } },
    template: { metadata, spec: podSpecOf(containers) },
  };
}

function cronJobSpecOf(metadata: Maps, containers: number) {
  const template = { metadata, spec: { ...podSpecOf(containers), restartPolicy: "Never" } };
  const spec = { backoffLimit: 1, activeDeadlineSeconds: 60, template };
  return { schedule: "0 0 * * *", jobTemplate: { metadata, spec } };
}

function listOf<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}
