/**
 * An object through an older version of its API gets the verdict of the newer one: matchPolicy Equivalent has it converted to what our
 * rules name. Of the kinds that rules are about, HTTPRoutes alone are served in two versions.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { completeObject } from "../support/complete-object.ts";
import { kubectlOrThrow, waitUntil } from "../support/installation.ts";
import {
  installLiveCases,
  type LiveCase,
  type LiveCases,
  liveCases,
  objectPathOf,
  readUpdate,
  reasonNotLive,
} from "../support/live-cases.ts";

const OLDER = "v1beta1";
const GROUP = "gateway.networking.k8s.io";
const routes = liveCases.filter(({ object }) => object.kind === "HTTPRoute");
const live = routes.filter((entry) => reasonNotLive(entry) === undefined);
const refused = live.filter((entry) => entry.refused.length > 0);

describeCluster("an HTTPRoute through two versions of its API", (controlPlane) => {
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

  /** As a dry run. */
  async function send(entry: LiveCase, version: string): Promise<ApiAnswer> {
    const { resource, liveNamespace, objectName, object, oldObject, username } = entry;
    const written = oldObject
      ? (await readUpdate(api, entry, oldObject)).updated
      : completeObject(object, objectName, liveNamespace);
    const path = (oldObject ? objectPathOf(entry) : pathOf(resource, liveNamespace)).replace("/v1/", `/${version}/`);
    const body: KubernetesObject = { ...written, apiVersion: `${GROUP}/${version}` };
    return api.send({ method: oldObject ? "PUT" : "POST", path: `${path}?dryRun=All`, body, asUser: username });
  }

  for (const entry of routes) {
    const reason = reasonNotLive(entry);
    if (reason !== undefined) it.skip(`${entry.name} (${reason})`);
  }

  it.each(live.map((entry) => [entry.name, entry] as const))(
    "F-63, F-81: gets one verdict in both: %s",
    async (_name, entry) => {
      const [older, newer] = [await send(entry, OLDER), await send(entry, "v1")];
      const causes: readonly { readonly reason: string }[] = older.body.details?.causes ?? [];
      expect(causes.map(({ reason }) => reason)).toEqual(entry.refused);
      expect(verdictOf(older)).toEqual(verdictOf(newer));
    },
  );

  it.skipIf(live.length === 0)("F-81: control: with matchPolicy Exact the older version is a way around", async () => {
    expect(refused.length).toBeGreaterThan(2);
    const args = ["get", "validatingwebhookconfiguration", "portcullis", "-o", "json"];
    const configuration = JSON.parse(await kubectlOrThrow(controlPlane(), args));
    for (const webhook of configuration.webhooks) webhook.matchPolicy = "Exact";
    await kubectlOrThrow(controlPlane(), ["replace", "-f", "-"], JSON.stringify(configuration));
    for (const entry of refused) {
      await waitUntil(`${entry.name} is admitted`, 30_000, async () => (await send(entry, OLDER)).status < 300);
      expect((await send(entry, "v1")).status).toBe(403);
    }
  });
});

/** What the user gets to see, but for what the API server says about versions. */
function verdictOf({ status, body, warnings }: ApiAnswer): object {
  const ours = warnings.filter((warning) => /^[A-Z]{3}-[A-Z-]+ /.test(warning));
  if (status >= 400) return { status, message: body.message, causes: body.details?.causes, warnings: ours };
  const { labels, annotations } = body.metadata;
  return { status, labels, annotations, spec: body.spec, warnings: ours };
}
