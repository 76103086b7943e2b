/** Selectors that are matched here select what they would select on the API server: lists of ConfigMaps, by generated selectors. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject, StringMap } from "../../src/kube/objects.ts";
import { type LabelSelector, type LabelSelectorRequirement, matchesSelector } from "../../src/kube/selectors.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { labelMaps, selectors } from "../support/generated-selectors.ts";
import { inParallel } from "../support/in-parallel.ts";
import { apply } from "../support/installation.ts";

const SEED = 20261121;
const SELECTORS = 400;
const NAMESPACE = "labelled";

type Matches = (selector: LabelSelector, labels: StringMap | null | undefined) => boolean;

/** Plausible ways to get it wrong. */
const WRONG: Readonly<Record<string, Matches>> = {
  "matchLabels are not looked at": ({ matchExpressions = [] }, own) => matchesSelector({ matchExpressions }, own),
  "In takes any value": (one, own) => matchesSelector(replaceIn(one, "In", "Exists"), own),
  "NotIn takes no value": (one, own) => matchesSelector(replaceIn(one, "NotIn", "DoesNotExist"), own),
  "NotIn wants a value": (one, own) => {
    const { matchExpressions: others = [] } = replaceIn(one, "NotIn", "Exists");
    return matchesSelector(one, own) && matchesSelector({ matchExpressions: others }, own);
  },
  "an empty label is none": (one, own) => {
    return matchesSelector(one, Object.fromEntries(Object.entries(own ?? {}).filter(([, text]) => text !== "")));
  },
};

function replaceIn(
  { matchExpressions = [], ...rest }: LabelSelector,
  from: LabelSelectorRequirement["operator"],
  operator: LabelSelectorRequirement["operator"],
): LabelSelector {
  return {
    ...rest,
    matchExpressions: matchExpressions.map((one) => (one.operator === from ? { ...one, operator } : one)),
  };
}

describeCluster("selectors", (controlPlane) => {
  let api: ApiClient;
  let stored: readonly KubernetesObject[] = [];
  /** By each of the selectors, the names that the API server selects. */
  let listed: readonly { readonly selector: LabelSelector; readonly names: readonly string[] }[] = [];

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    const configMaps = fc.sample(labelMaps, { numRuns: 48, seed: SEED }).map((own, index) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `labelled-${index}`, namespace: NAMESPACE, ...(own ? { labels: own } : {}) },
    }));
    await apply(controlPlane(), [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
      ...configMaps,
    ]);
    stored = await list({});
    expect(stored.length).toBe(configMaps.length);
    listed = await inParallel(8, fc.sample(selectors, { numRuns: SELECTORS, seed: SEED }), async (one) => {
      return { selector: one, names: (await list(one)).map(nameOf) };
    });
  });

  afterAll(() => api?.close());

  async function list(one: LabelSelector): Promise<readonly KubernetesObject[]> {
    const query = new URLSearchParams({ labelSelector: textOf(one) });
    const { status, body } = await api.send({ method: "GET", path: `${pathOf("configmaps", NAMESPACE)}?${query}` });
    expect(status, JSON.stringify(body)).toBe(200);
    // The namespace has a ConfigMap of the API server's own too, sooner or later.
    return body.items.filter((item: KubernetesObject) => nameOf(item).startsWith("labelled-"));
  }

  function disagreements(matches: Matches): readonly string[] {
    return listed.flatMap(({ selector: one, names }) => {
      const wrong = stored.filter((item) => matches(one, item.metadata?.labels) !== names.includes(nameOf(item)));
      return wrong.map((item) => `${textOf(one)} on ${JSON.stringify(item.metadata?.labels)}`);
    });
  }

  it("select what the API server selects", () => {
    expect(disagreements(matchesSelector)).toEqual([]);
  });

  it("control: a wrong match is found", () => {
    const some = listed.filter(({ names }) => names.length > 0 && names.length < stored.length);
    expect(some.length).toBeGreaterThan(SELECTORS / 4);
    for (const [fault, wrong] of Object.entries(WRONG)) expect(disagreements(wrong).length, fault).toBeGreaterThan(0);
  });
});

function nameOf({ metadata }: KubernetesObject): string {
  return metadata?.name ?? "";
}

/** As a request's `labelSelector` says it. */
function textOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([one, wanted]) => `${one}=${wanted}`);
  return [...equal, ...matchExpressions.map(textOfRequirement)].join(",");
}

function textOfRequirement({ key: one, operator, values: listed = [] }: LabelSelectorRequirement): string {
  switch (operator) {
    case "In":
      return `${one} in (${listed.join(",")})`;
    case "NotIn":
      return `${one} notin (${listed.join(",")})`;
    case "Exists":
      return one;
    case "DoesNotExist":
      return `!${one}`;
  }
}
