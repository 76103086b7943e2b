import { describe, expect, it } from "vitest";
import type { LiveConfiguration, LiveWebhook } from "../../src/registration/configuration.ts";
import { type DesiredWebhook, desiredWebhooks } from "../../src/registration/desired.ts";
import { compareEntries } from "../../src/registration/difference.ts";
import { describeDifference } from "../../src/registration/difference-lines.ts";
import { planEntriesPatch } from "../../src/registration/entries-patch.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";

const SERVICE = { service: "portcullis", namespace: "policy" };
const TARGET = { ...SERVICE, servicePort: 443, excludeNamespaces: [] };
const CA_BUNDLE = "Q0E=";
const WANTED = desiredWebhooks("validate", [policyOf(ruleThatFinds())], TARGET);
const [VALIDATE, CANARY, POLICIES] = WANTED as [DesiredWebhook, DesiredWebhook, DesiredWebhook];

/** As the API server stores it: with its defaults. */
function stored(webhook: DesiredWebhook, parts: object = {}): LiveWebhook {
  return {
    objectSelector: {},
    ...webhook,
    clientConfig: { ...webhook.clientConfig, caBundle: CA_BUNDLE },
    ...parts,
  };
}

function live(...webhooks: readonly LiveWebhook[]): LiveConfiguration {
  return { metadata: { name: "portcullis", resourceVersion: "17" }, webhooks };
}

/** The entry that refuses bad policies is there, and as wanted. */
function compare(...webhooks: readonly LiveWebhook[]) {
  const configuration = live(...webhooks, stored(POLICIES));
  const difference = compareEntries(configuration, WANTED, SERVICE);
  return {
    lines: describeDifference(difference),
    patch: planEntriesPatch(configuration, difference, CA_BUNDLE),
    difference,
  };
}

const SELECTOR = VALIDATE.namespaceSelector;
const [EXCLUSIONS] = SELECTOR.matchExpressions ?? [];

describe("nothing is written", () => {
  it("where the entries are as wanted", () => {
    expect(compare(stored(VALIDATE), stored(CANARY))).toMatchObject({ lines: [], patch: undefined });
  });

  it.each([
    ["expressions that the provider adds", [...(SELECTOR.matchExpressions ?? []), { key: "aks", operator: "Exists" }]],
    ["another order", [{ ...EXCLUSIONS, values: EXCLUSIONS?.values?.toReversed() }]],
  ])("for a namespaceSelector with %s", (_, matchExpressions) => {
    const webhook = stored(VALIDATE, { namespaceSelector: { matchExpressions } });
    expect(compare(webhook, stored(CANARY))).toMatchObject({ lines: [], patch: undefined });
  });

  it("for entries of other people: another domain, or another Service", () => {
    const service = { name: "other", namespace: "policy" };
    const others = [
      stored(VALIDATE, { name: "a.example.com" }),
      { name: "b.portcullis.dev", clientConfig: { service } },
    ];
    expect(compare(stored(VALIDATE), stored(CANARY), ...others)).toMatchObject({ lines: [], patch: undefined });
  });

  it.each([
    ["failurePolicy", "Ignore", "Ignore is left; wanted Fail"],
    ["timeoutSeconds", 9, "9 is left; wanted 5"],
  ])("over a %s that somebody has set, which is told", (field, value, told) => {
    const { lines, patch } = compare(stored(VALIDATE, { [field]: value }), stored(CANARY));
    expect(lines).toEqual([`validate.portcullis.dev ${field}: ${told}`]);
    expect(patch).toBeUndefined();
  });
});

describe("a changed entry", () => {
  it("is patched in the fields that differ, and told field by field", () => {
    const rules = [
      { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["deployments"], scope: "*" },
    ];
    const { lines, patch } = compare(stored(VALIDATE, { rules, timeoutSeconds: 9 }), stored(CANARY));
    expect(patch).toEqual({
      metadata: { resourceVersion: "17" },
      webhooks: [{ name: "validate.portcullis.dev", rules: VALIDATE.rules }],
    });
    expect(lines[0]).toBe(
      "validate.portcullis.dev rules: apps/v1 deployments (CREATE; *) -> core/v1 configmaps,pods (CREATE,UPDATE; Namespaced)",
    );
  });

  it("has its matchConditions replaced as a whole, and told by name and digest", () => {
    const matchConditions = [{ name: "pods", expression: "true" }];
    const { lines, patch } = compare(stored(VALIDATE, { matchConditions }), stored(CANARY));
    expect(patch?.webhooks).toEqual([
      { name: VALIDATE.name, matchConditions: [{ $patch: "replace" }, ...(VALIDATE.matchConditions ?? [])] },
    ]);
    expect(lines).toEqual([
      expect.stringMatching(
        /^validate\.portcullis\.dev matchConditions: pods \([0-9a-f]{12}\) -> not-being-deleted \([0-9a-f]{12}\), not-made-by-a-controller \([0-9a-f]{12}\)$/,
      ),
    ]);
  });

  it("keeps its caBundle where its path or port is another", () => {
    const service = { ...VALIDATE.clientConfig.service, port: 8443 };
    const { lines, patch } = compare(stored(VALIDATE, { clientConfig: { service } }), stored(CANARY));
    expect(patch?.webhooks).toEqual([{ name: VALIDATE.name, clientConfig: VALIDATE.clientConfig }]);
    expect(lines).toEqual([
      "validate.portcullis.dev clientConfig: policy/portcullis:8443/validate -> policy/portcullis:443/validate",
    ]);
  });

  it.each([
    ["an exclusion too few", { matchExpressions: [{ ...EXCLUSIONS, values: ["kube-system"] }] }],
    ["an exclusion too many", { matchExpressions: [{ ...EXCLUSIONS, values: [...(EXCLUSIONS?.values ?? []), "a"] }] }],
    ["no requirement", {}],
  ])("has its namespaceSelector replaced as a whole: %s", (_, namespaceSelector) => {
    const { patch } = compare(stored(VALIDATE, { namespaceSelector }), stored(CANARY));
    expect(patch?.webhooks).toEqual([{ name: VALIDATE.name, namespaceSelector: { $patch: "replace", ...SELECTOR } }]);
  });

  it("has no objectSelector but the wanted one: it would let objects through", () => {
    const objectSelector = { matchLabels: { judged: "true" } };
    const { lines, patch } = compare(stored(VALIDATE, { objectSelector }), stored(CANARY));
    expect(patch?.webhooks).toEqual([{ name: VALIDATE.name, objectSelector: { $patch: "replace" } }]);
    expect(lines).toEqual(["validate.portcullis.dev objectSelector: judged=true -> (none)"]);
  });
});

describe("entries that come and go", () => {
  it("a new one is written whole, with the caBundle of the others and the failurePolicy of its policies", () => {
    const { lines, patch } = compare(stored(CANARY));
    expect(patch?.webhooks).toEqual([
      { ...VALIDATE, clientConfig: { ...VALIDATE.clientConfig, caBundle: CA_BUNDLE }, failurePolicy: "Fail" },
    ]);
    expect(lines).toEqual([
      expect.stringMatching(
        /^validate\.portcullis\.dev: \(none\) -> failurePolicy Fail, rules core\/v1 configmaps,pods/,
      ),
    ]);
  });

  it("one that no policy asks for any more is dropped", () => {
    const old = stored(VALIDATE, { name: "0a1b2c3d.validate.portcullis.dev" });
    const { lines, patch } = compare(stored(VALIDATE), stored(CANARY), old);
    expect(patch?.webhooks).toEqual([{ $patch: "delete", name: old.name }]);
    expect(lines).toEqual([
      expect.stringMatching(/^0a1b2c3d\.validate\.portcullis\.dev: failurePolicy Fail, .* -> \(none\)$/),
    ]);
  });

  it("one of our name that calls somebody else is nothing to write to", () => {
    const clientConfig = { service: { name: "other", namespace: "policy" } };
    const { difference, patch } = compare(stored(VALIDATE, { clientConfig }), stored(CANARY));
    expect(difference.foreign.map(({ name }) => name)).toEqual(["validate.portcullis.dev"]);
    expect(patch).toBeUndefined();
  });
});
