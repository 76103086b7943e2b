import { describe, expect, it } from "vitest";
import type { LiveConfiguration, LiveWebhook } from "../../src/registration/configuration.ts";
import { type CaMergePlan, inspectBundles, planCaMerge } from "../../src/registration/plan.ts";
import { issueCertificates } from "../../src/tls/issue.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const HOUR_MS = 60 * 60 * 1000;
const NAMES = { service: "portcullis", namespace: "policy" };

function caOf(podUid: string, { validMs = 24 * HOUR_MS, names = NAMES } = {}): string {
  return issueCertificates({
    names,
    podUid,
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(NOW.getTime() - 2 * HOUR_MS),
    notAfter: new Date(NOW.getTime() + validMs),
  }).caPem;
}

const OWN_CA = caOf("own");
const OTHER_CA = caOf("other");
const OWN = { ...NAMES, podUid: "own", caPem: OWN_CA };

function toBase64(pem: string): string {
  return Buffer.from(pem).toString("base64");
}

const SERVICE_REFERENCE = { name: "portcullis", namespace: "policy" };

function webhook(
  name: string,
  caPem?: string,
  service: typeof SERVICE_REFERENCE | null = SERVICE_REFERENCE,
): LiveWebhook {
  return {
    name,
    clientConfig: {
      ...(service ? { service } : {}),
      ...(caPem === undefined ? {} : { caBundle: toBase64(caPem) }),
    },
  };
}

function live(...webhooks: readonly LiveWebhook[]): LiveConfiguration {
  return { metadata: { name: "portcullis", resourceVersion: "17" }, webhooks };
}

/** What the patch writes, by webhook, as PEM; everything else is no patch. */
function written(plan: CaMergePlan): object {
  if (plan.kind !== "patch") return { kind: plan.kind };
  return Object.fromEntries(
    plan.patch.webhooks.map(({ name, clientConfig }) => [
      name,
      Buffer.from(clientConfig.caBundle, "base64").toString(),
    ]),
  );
}

describe("the merge of our CA into a configuration", () => {
  it("patches every webhook that calls our Service, by its name, on the version that was read", () => {
    const plan = planCaMerge(live(webhook("a"), webhook("b", OTHER_CA)), OWN, NOW);
    expect(plan).toEqual({
      kind: "patch",
      patch: {
        metadata: { resourceVersion: "17" },
        webhooks: [
          { name: "a", clientConfig: { caBundle: toBase64(OWN_CA) } },
          { name: "b", clientConfig: { caBundle: toBase64(OTHER_CA + OWN_CA) } },
        ],
      },
    });
  });

  it("leaves those out that trust us already", () => {
    const plan = planCaMerge(live(webhook("a", OWN_CA), webhook("b"), webhook("c", OTHER_CA + OWN_CA)), OWN, NOW);
    expect(written(plan)).toEqual({ b: OWN_CA });
  });

  it("leaves those out that call somebody else", () => {
    const plan = planCaMerge(
      live(
        webhook("ours"),
        webhook("of another Service", OTHER_CA, { name: "other", namespace: "policy" }),
        webhook("of another namespace", OTHER_CA, { name: "portcullis", namespace: "other" }),
        webhook("by URL", OTHER_CA, null),
      ),
      OWN,
      NOW,
    );
    expect(written(plan)).toEqual({ ours: OWN_CA });
  });

  it("replaces what is no certificate, or has expired, or was this Pod's before", () => {
    const expired = caOf("gone", { validMs: -HOUR_MS });
    const earlier = caOf("own");
    const plan = planCaMerge(live(webhook("a", "garbage"), webhook("b", expired + earlier + OTHER_CA)), OWN, NOW);
    expect(written(plan)).toEqual({ a: OWN_CA, b: OTHER_CA + OWN_CA });
  });

  it("keeps a CA that somebody else put there", () => {
    const foreign = caOf("own", { names: { service: "other", namespace: "other" } });
    expect(written(planCaMerge(live(webhook("a", foreign)), OWN, NOW))).toEqual({ a: foreign + OWN_CA });
  });

  it("changes nothing when everybody trusts us: a second run writes nothing", () => {
    const first = planCaMerge(live(webhook("a", OTHER_CA), webhook("b")), OWN, NOW);
    if (first.kind !== "patch") throw new Error("there is something to write");
    const after = live(
      ...first.patch.webhooks.map(({ name, clientConfig }) => ({
        name,
        clientConfig: { ...clientConfig, service: SERVICE_REFERENCE },
      })),
    );
    expect(planCaMerge(after, OWN, NOW)).toEqual({ kind: "unchanged" });
  });

  it("gives up on a configuration whose webhooks all call somebody else", () => {
    const plan = planCaMerge(live(webhook("a", OTHER_CA, { name: "other", namespace: "policy" })), OWN, NOW);
    expect(plan).toEqual({ kind: "foreign" });
  });

  it("drops the CA of a Pod that is gone, once the Pods are known", () => {
    const pods = { uids: new Set(["own"]), listedAt: NOW };
    const bundle = live(webhook("a", OTHER_CA + OWN_CA));
    expect(planCaMerge(bundle, OWN, NOW)).toEqual({ kind: "unchanged" });
    expect(written(planCaMerge(bundle, OWN, NOW, pods))).toEqual({ a: OWN_CA });
    expect(planCaMerge(bundle, OWN, NOW, { ...pods, uids: new Set(["own", "other"]) })).toEqual({ kind: "unchanged" });
  });

  it("keeps this Pod's earlier CA for as long as its UID is left out", () => {
    const earlier = caOf("own");
    const { podUid: _, ...own } = OWN;
    const pods = { uids: new Set<string>(), listedAt: NOW };
    expect(written(planCaMerge(live(webhook("a", earlier)), own, NOW, pods))).toEqual({ a: earlier + OWN_CA });
  });

  it("finds nothing to do in a configuration without webhooks", () => {
    expect(planCaMerge(live(), OWN, NOW)).toEqual({ kind: "unchanged" });
  });
});

describe("what the webhooks that call our Service trust", () => {
  it("is counted, and whether we are among it", () => {
    const configuration = live(
      webhook("a", OTHER_CA + OWN_CA),
      webhook("b", OTHER_CA),
      webhook("c"),
      webhook("d", "garbage"),
      webhook("of another Service", OWN_CA, { name: "other", namespace: "policy" }),
    );
    expect(inspectBundles(configuration, OWN)).toEqual([
      { webhookName: "a", certificateCount: 2, hasOwnCa: true },
      { webhookName: "b", certificateCount: 1, hasOwnCa: false },
      { webhookName: "c", certificateCount: 0, hasOwnCa: false },
      { webhookName: "d", certificateCount: 0, hasOwnCa: false },
    ]);
  });
});
