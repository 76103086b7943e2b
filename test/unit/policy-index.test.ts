import { describe, expect, it } from "vitest";
import { entryOf, type Phase, type Policy } from "../../src/policy/policy.ts";
import { indexPolicies, type PolicyQuery } from "../../src/policy/policy-index.ts";
import type { ResourceRule } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, ruleThatFinds } from "../support/policies.ts";

const RULE = ruleThatFinds();
const ALICE = { username: "alice", groups: ["system:authenticated"] };
const { mutates: _, ...RULE_WITHOUT_PATCHES } = RULE;

function policy(name: string, spec: object = {}): Policy {
  return policyOf(RULE, spec, name);
}

/** The names of the policies that are asked about the creation of a Pod, unless the query says otherwise. */
function asked(policies: readonly Policy[], query: Partial<PolicyQuery> = {}): readonly string[] {
  const creation = {
    phase: "validate",
    entry: "",
    operation: "CREATE",
    resource: "pods",
    namespace: "shop",
    requester: ALICE,
  } as const;
  return indexPolicies(policies)
    .matching({ ...creation, ...query })
    .map(({ name }) => name);
}

describe("a policy is asked", () => {
  it("about all that its rule knows, by default", () => {
    for (const phase of ["mutate", "validate"] as const) {
      for (const operation of ["CREATE", "UPDATE"] as const) {
        for (const resource of ["pods", "configmaps"]) {
          expect(asked([policy("a")], { phase, operation, resource })).toEqual(["a"]);
        }
      }
    }
    expect(asked([policy("a")], { resource: "services" })).toEqual([]);
  });

  it("about no more than the resources and operations that it names", () => {
    const narrow = [policy("a", { match: { resources: ["pods"], operations: ["UPDATE"] } })];
    expect(asked(narrow, { operation: "UPDATE" })).toEqual(["a"]);
    expect(asked(narrow, { operation: "CREATE" })).toEqual([]);
    expect(asked(narrow, { operation: "UPDATE", resource: "configmaps" })).toEqual([]);
    expect(asked(narrow, { phase: "mutate", operation: "UPDATE" })).toEqual(["a"]);
    expect(asked(narrow, { phase: "mutate", operation: "CREATE" })).toEqual([]);
  });

  it("about its group's resource, and no other group's of that name", () => {
    const resources: readonly ResourceRule[] = [
      { group: "apps", version: "v1", resources: ["deployments"], operations: ["CREATE"] },
    ];
    const apps = [policyOf(ruleOf(RULE.evaluate, { resources }))];
    expect(asked(apps, { resource: "deployments.apps" })).toEqual(["a-policy"]);
    expect(asked(apps, { resource: "deployments" })).toEqual([]);
  });

  it("to mutate only where it may and its rule can", () => {
    expect(asked([policy("a", { mutate: false })], { phase: "mutate" })).toEqual([]);
    expect(asked([policyOf(RULE_WITHOUT_PATCHES)], { phase: "mutate" })).toEqual([]);
    expect(asked([policyOf(RULE_WITHOUT_PATCHES)])).toEqual(["a-policy"]);
  });

  it("in the order in which the policies were loaded", () => {
    expect(asked([policy("b"), policy("a"), policy("c")])).toEqual(["b", "a", "c"]);
  });
});

describe("namespaces", () => {
  it.each<[string, object, string, boolean]>([
    ["all", {}, "shop", true],
    ["all, and what is in none", {}, "", true],
    ["those included", { include: ["shop"] }, "shop", true],
    ["no others than those included", { include: ["shop"] }, "shops", false],
    ["those included, so nothing that is in none", { include: ["shop"] }, "", false],
    ["all but those excluded", { exclude: ["sandbox-*"] }, "sandbox-7", false],
    ["all but those excluded, what is in none too", { exclude: ["sandbox-*"] }, "", true],
    ["those included less those excluded", { include: ["team-*"], exclude: ["*-dev"] }, "team-a", true],
    ["none that is excluded, though included", { include: ["team-*"], exclude: ["*-dev"] }, "team-a-dev", false],
    ["any of several", { include: ["a", "b*"] }, "bc", true],
  ])("%s: %j, %j is %s", (_name, namespaces, namespace, expected) => {
    const match = Object.keys(namespaces).length === 0 ? {} : { namespaces };
    expect(asked([policy("a", { match })], { namespace })).toEqual(expected ? ["a"] : []);
  });
});

describe("an entry", () => {
  const plain = policy("plain");
  const selecting = policy("selecting", { match: { namespaceSelector: { matchLabels: { tier: "gold" } } } });
  const labelled = policy("labelled", { match: { objectSelector: { matchLabels: { tier: "gold" } } } });
  const open = policy("open", { failurePolicy: "Ignore" });
  const all = [plain, selecting, labelled, open];

  it.each(all.map((one) => [one.name, one] as const))("leads to its own policy and no other, %s", (name, one) => {
    expect(asked(all, { entry: entryOf("validate", one) })).toEqual([name]);
  });

  it("of a mutating webhook doesn't depend on the failurePolicy", () => {
    expect(asked(all, { phase: "mutate", entry: "" })).toEqual(["plain", "open"]);
    expect(asked(all, { phase: "mutate", entry: entryOf("mutate", selecting) })).toEqual(["selecting"]);
  });

  it("that nobody knows is judged by every policy that needs no selector", () => {
    expect(asked(all, { entry: "0badc0de" })).toEqual(["plain", "open"]);
    expect(asked(all, { entry: "0badc0de", phase: "mutate" })).toEqual(["plain", "open"]);
    expect(asked(all, { entry: "0badc0de", resource: "services" })).toEqual([]);
    expect(asked([selecting], { entry: "0badc0de" })).toEqual([]);
  });

  it("that is the default one is unknown too where no policy asks for it", () => {
    expect(asked([open], { entry: "" })).toEqual(["open"]);
  });

  it.each<[Phase, string, boolean]>([
    ["validate", "", true],
    ["validate", entryOf("validate", open), true],
    ["mutate", entryOf("validate", open), false],
    ["mutate", entryOf("mutate", selecting), true],
    ["validate", "0badc0de", false],
    ["validate", "canary", true],
  ])("is known or not, for the metric: %s %j is %s", (phase, entry, expected) => {
    expect(indexPolicies(all).knowsEntry(phase, entry)).toBe(expected);
  });
});

describe("the index", () => {
  it("knows the resources that any policy is about, in either phase", () => {
    const index = indexPolicies([policy("a", { match: { resources: ["pods"] } })]);
    expect(["pods", "configmaps", "services"].map((resource) => index.knowsResource(resource))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("finds the one among a thousand policies that is about the request", () => {
    const other = policy("other", { match: { resources: ["configmaps"] } });
    const others = Array.from({ length: 999 }, (_, index) => ({ ...other, name: `other-${index}` }));
    const wanted = policy("wanted", { match: { resources: ["pods"] } });
    expect(asked([...others.slice(0, 500), wanted, ...others.slice(500)])).toEqual(["wanted"]);
    expect(asked([...others, wanted], { resource: "configmaps" })).toHaveLength(999);
  });

  it("of no policies asks nobody", () => {
    expect(asked([])).toEqual([]);
    expect(asked([], { entry: "0badc0de" })).toEqual([]);
  });
});

it("a policy is asked about the same namespaces however many have been asked about before", () => {
  const index = indexPolicies([policy("a", { match: { namespaces: { exclude: ["*-1*"] } } }), policy("b")]);
  const names = Array.from({ length: 3000 }, (_, number) => `${"n".repeat(number % 80)}-${number}`);
  for (const namespace of [...names, ...names.toReversed()]) {
    const query = { entry: "", operation: "CREATE", resource: "pods", namespace, requester: ALICE } as const;
    const found = index.matching({ phase: "validate", ...query }).map(({ name }) => name);
    expect(found).toEqual(namespace.includes("-1") ? ["b"] : ["a", "b"]);
  }
});
