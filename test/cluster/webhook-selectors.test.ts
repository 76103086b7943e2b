/** Selectors of webhook entries select what `matchesSelector` says: how `selecting` finds policies without an API server. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject, StringMap } from "../../src/kube/objects.ts";
import { type LabelSelector, matchesSelector } from "../../src/kube/selectors.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { labelMaps, selectors } from "../support/generated-selectors.ts";
import { inParallel } from "../support/in-parallel.ts";
import { apply, waitUntil } from "../support/installation.ts";
import { type RecordingWebhook, startRecordingWebhook } from "../support/recording-webhook.ts";

const SEED = 20261121;
const ENTRIES = 40;
const NAMESPACES = 12;
const CONFIG_MAPS = 96;

interface Entry {
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
}

const entries = fc.sample(
  fc.record({ namespaceSelector: selectors, objectSelector: selectors }, { requiredKeys: [] }),
  { numRuns: ENTRIES, seed: SEED },
) as readonly Entry[];

describeCluster("selectors of a webhook", (controlPlane) => {
  let api: ApiClient;
  let webhook: RecordingWebhook;
  let namespaces: readonly KubernetesObject[];
  const configMaps = fc.sample(labelMaps, { numRuns: CONFIG_MAPS, seed: SEED + 1 }).map((labels, index) => {
    return objectOf("ConfigMap", `sent-${index}`, labels, `labelled-${index % NAMESPACES}`);
  });

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    webhook = await startRecordingWebhook();
    const made = fc.sample(labelMaps, { numRuns: NAMESPACES, seed: SEED }).map((labels, index) => {
      return objectOf("Namespace", `labelled-${index}`, labels);
    });
    await apply(controlPlane(), made);
    const { body } = await api.send({ method: "GET", path: "/api/v1/namespaces" });
    namespaces = body.items;
    await apply(controlPlane(), [configurationOf(webhook)]);
    await waitUntil("the API server asks", 30_000, async () => {
      await createDry(objectOf("ConfigMap", "probe", undefined, "default"));
      return webhook.requestsOn("/everything").length > 0;
    });
    const answers = await inParallel(8, configMaps, createDry);
    expect(answers.filter(({ status }) => status !== 201).map(({ body: { message } }) => message)).toEqual([]);
  });

  afterAll(async () => {
    api?.close();
    await webhook?.close();
  });

  function createDry(body: KubernetesObject) {
    const path = `${pathOf("configmaps", body.metadata?.namespace ?? "")}?dryRun=All`;
    return api.send({ method: "POST", path, body });
  }

  /** What the webhook was asked about and the selectors don't select, or the other way round. */
  function disagreements(isSelected: (entry: Entry, namespace: KubernetesObject, object: KubernetesObject) => boolean) {
    return entries.flatMap((entry, index) => {
      const asked = new Set(webhook.requestsOn(`/${index}`).map(({ object }) => object.metadata?.name));
      const wrong = configMaps.filter((object) => {
        const namespace = namespaces.find(({ metadata }) => metadata?.name === object.metadata?.namespace);
        if (!namespace) throw new Error("every ConfigMap has a namespace");
        return isSelected(entry, namespace, object) !== asked.has(object.metadata?.name);
      });
      return wrong.map(({ metadata }) => `${JSON.stringify(entry)} on ${JSON.stringify(metadata)}`);
    });
  }

  it("select what matchesSelector says", () => {
    const found = disagreements(({ namespaceSelector, objectSelector }, namespace, object) => {
      return (
        matchesSelector(namespaceSelector, namespace.metadata?.labels) &&
        matchesSelector(objectSelector, object.metadata?.labels)
      );
    });
    expect(found).toEqual([]);
  });

  it("control: one selector alone, or on the other's labels, would be found", () => {
    const ofNamespace = disagreements((entry, namespace) => {
      return matchesSelector(entry.namespaceSelector, namespace.metadata?.labels);
    });
    const ofObject = disagreements((entry, _namespace, object) => {
      return matchesSelector(entry.objectSelector, object.metadata?.labels);
    });
    const swapped = disagreements((entry, namespace, object) => {
      return (
        matchesSelector(entry.namespaceSelector, object.metadata?.labels) &&
        matchesSelector(entry.objectSelector, namespace.metadata?.labels)
      );
    });
    for (const found of [ofNamespace, ofObject, swapped]) expect(found.length).toBeGreaterThan(0);
  });
});

function objectOf(kind: string, name: string, labels: StringMap | undefined, namespace?: string): KubernetesObject {
  const metadata = { name, ...(labels ? { labels } : {}), ...(namespace ? { namespace } : {}) };
  return { apiVersion: "v1", kind, metadata };
}

/** The last entry, which has no selector, is asked about everything. */
function configurationOf(webhook: RecordingWebhook): object {
  const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] };
  const paths = [...entries.map((entry, index) => ({ path: `/${index}`, entry })), { path: "/everything", entry: {} }];
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "selecting" },
    webhooks: paths.map(({ path, entry }, index) => ({
      ...entry,
      name: `e${index}.selecting.example.org`,
      clientConfig: webhook.clientConfigOf(path),
      rules: [rule],
      failurePolicy: "Fail",
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      timeoutSeconds: 30,
    })),
  };
}
