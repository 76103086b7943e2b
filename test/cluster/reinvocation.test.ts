/**
 * Another mutating webhook that writes or removes our list of volumes, asked before ours and after it, with both reinvocation policies.
 * It all comes to an end after two calls at most, always in the same way: with a list that is right, or with a word about it.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { annotationOf, type KubernetesObject } from "../../src/kube/objects.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import {
  apply,
  type Installation,
  install,
  kubectlOrThrow,
  type RunningPod,
  waitUntil,
} from "../support/installation.ts";
import { type RecordingWebhook, type ReviewedRequest, startRecordingWebhook } from "../support/recording-webhook.ts";

const LIMIT_MS = 30_000;
const NAMESPACE = "meddled";
const LIST = "backup.velero.io/backup-volumes";
const PATH = "/metadata/annotations/backup.velero.io~1backup-volumes";
/** Configurations are asked in the order of their names, and ours is called portcullis. */
const CONFIGURATIONS = { before: "a-meddler", after: "z-meddler" } as const;
const ACTIONS = ["adds", "spoils", "removes"] as const;
const POLICIES = ["Never", "IfNeeded"] as const;

interface Meddler {
  readonly id: string;
  readonly place: keyof typeof CONFIGURATIONS;
  readonly action: (typeof ACTIONS)[number];
  readonly reinvocationPolicy: (typeof POLICIES)[number];
}

const meddlers = (["before", "after"] as const).flatMap((place) =>
  ACTIONS.flatMap((action) =>
    POLICIES.map((reinvocationPolicy): Meddler => {
      return { id: `${place}-${action}-${reinvocationPolicy}`.toLowerCase(), place, action, reinvocationPolicy };
    }),
  ),
);

/** What it wants the list to be, whatever it is. */
function meddle(path: string, { object }: ReviewedRequest): readonly object[] {
  const current = annotationOf(object, LIST);
  if (path.includes("removes")) return current === undefined ? [] : [{ op: "remove", path: PATH }];
  const wanted = path.includes("spoils") ? "nothing" : "data";
  if (current === wanted) return [];
  const isFirst = Object.keys(object.metadata?.annotations ?? {}).length === 0;
  if (isFirst) return [{ op: "add", path: "/metadata/annotations", value: { [LIST]: wanted } }];
  return [{ op: "add", path: PATH, value: wanted }];
}

/** The list that is stored, and what the user is told: the status, and the codes of violations or warnings. */
const RIGHT = { list: "data", said: "201" };
const REFUSED = { list: undefined, said: "403 VEL-UNKNOWN VEL-MISSING" };
const WARNED = { list: undefined, said: "201 VEL-MISSING" };

/** By meddler: what comes of it, and how often we and they are asked, with our webhook as it ships and with `Never`. */
const EXPECTED: Readonly<Record<string, readonly [object, number, number, object, number, number]>> = {
  "before-adds-never": [RIGHT, 1, 1, RIGHT, 1, 1],
  "before-adds-ifneeded": [RIGHT, 1, 1, RIGHT, 1, 1],
  // A list that stands there is the user's as far as we can tell.
  "before-spoils-never": [REFUSED, 1, 1, REFUSED, 1, 1],
  "before-spoils-ifneeded": [REFUSED, 1, 1, REFUSED, 1, 1],
  "before-removes-never": [RIGHT, 1, 1, RIGHT, 1, 1],
  // Ours has changed the Pod after theirs, which takes the list away; asked again, we have the last word.
  "before-removes-ifneeded": [RIGHT, 2, 2, WARNED, 1, 2],
  "after-adds-never": [RIGHT, 1, 1, RIGHT, 1, 1],
  "after-adds-ifneeded": [RIGHT, 1, 1, RIGHT, 1, 1],
  // Our mark still stands beside the list, so that it is made anew.
  "after-spoils-never": [RIGHT, 2, 1, REFUSED, 1, 1],
  "after-spoils-ifneeded": [REFUSED, 2, 2, REFUSED, 1, 1],
  "after-removes-never": [RIGHT, 2, 1, WARNED, 1, 1],
  "after-removes-ifneeded": [WARNED, 2, 2, WARNED, 1, 1],
};

describeCluster("another mutating webhook", (controlPlane) => {
  let api: ApiClient;
  let installation: Installation;
  let running: RunningPod;
  let webhook: RecordingWebhook;
  let count = 0;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
    installation = await install(controlPlane(), { env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    running = await installation.startPod();
    webhook = await startRecordingWebhook(meddle);
    await apply(controlPlane(), [configurationOf("before"), configurationOf("after")]);
    await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
    await waitUntil("the meddlers are asked", LIMIT_MS, async () => {
      const answers = await Promise.all(meddlers.map(({ id }) => create(id)));
      expect(answers.map(({ status }) => status)).not.toContain(500);
      return meddlers.every(({ id }) => webhook.requestsOn(`/${id}`).length > 0);
    });
  });
  afterAll(async () => {
    api?.close();
    await webhook?.close();
    await installation?.stop();
  });

  function configurationOf(place: Meddler["place"]): object {
    const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }];
    return {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: { name: CONFIGURATIONS[place] },
      webhooks: meddlers
        .filter((meddler) => meddler.place === place)
        .map(({ id, reinvocationPolicy }) => ({
          name: `${id}.example.org`,
          clientConfig: webhook.clientConfigOf(`/${id}`),
          rules,
          objectSelector: { matchLabels: { meddler: id } },
          reinvocationPolicy,
          failurePolicy: "Fail",
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
          timeoutSeconds: 30,
        })),
    };
  }

  function create(meddler: string, name = `probe-${count++}`) {
    return api.send({
      method: "POST",
      path: `${pathOf("pods", NAMESPACE)}?dryRun=All`,
      body: podWithClaim(name, meddler),
    });
  }

  async function outcomeOf(id: string) {
    const name = `web-${count++}`;
    const { status, body, warnings } = await create(id, name);
    const codes: readonly { readonly reason: string }[] = body.details?.causes ?? [];
    const said = [
      status,
      ...codes.map(({ reason }) => reason),
      ...warnings.map((warning) => warning.replace(/ .*/, "")),
    ];
    await waitUntil(`the log tells of ${name}`, LIMIT_MS, async () => callsFor(name, "validate") > 0);
    return {
      list: status === 201 ? body.metadata.annotations?.[LIST] : undefined,
      said: said.join(" "),
      ours: callsFor(name, "mutate"),
      theirs: webhook.requestsOn(`/${id}`).filter(({ object }) => object.metadata?.name === name).length,
    };
  }

  function callsFor(pod: string, wanted: string): number {
    const lines = running.server.stdout().split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter(({ name, phase }) => name === pod && phase === wanted).length;
  }

  const ids = meddlers.map(({ id }) => id);

  it.each(ids)("F-72: is settled after two calls at most, each time alike: %s", async (id) => {
    const [outcome, ours, theirs] = EXPECTED[id] ?? [];
    for (let time = 1; time <= 2; time++) expect(await outcomeOf(id)).toEqual({ ...outcome, ours, theirs });
  });

  it("F-72, F-73: control: without one, our one call is enough", async () => {
    expect(await outcomeOf("none")).toEqual({ ...RIGHT, ours: 1, theirs: 0 });
  });

  describe("where ours is asked once only", () => {
    beforeAll(async () => {
      const patch = JSON.stringify([{ op: "replace", path: "/webhooks/0/reinvocationPolicy", value: "Never" }]);
      const args = ["patch", "mutatingwebhookconfiguration", "portcullis", "--type=json", "-p", patch];
      await kubectlOrThrow(controlPlane(), args);
      await waitUntil("ours is asked once", LIMIT_MS, async () => (await outcomeOf("after-removes-never")).ours === 1);
    });

    it.each(ids)("F-72: is settled at once, each time alike: %s", async (id) => {
      const [, , , outcome, ours, theirs] = EXPECTED[id] ?? [];
      for (let time = 1; time <= 2; time++) expect(await outcomeOf(id)).toEqual({ ...outcome, ours, theirs });
    });
  });
});

function podWithClaim(name: string, meddler: string): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "web", meddler } },
    spec: {
      containers: [{ name: "web", image: "example.com/web:1", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
    },
  };
}
