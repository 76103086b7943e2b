/** Which CEL an entry gets. What it means to an API server: test/cluster/prefilters.test.ts. */
import { describe, expect, it } from "vitest";
import { groupResource } from "../../src/kube/objects.ts";
import type { Phase, Policy } from "../../src/policy/policy.ts";
import { desiredWebhooks } from "../../src/registration/desired.ts";
import { type MatchCondition, matchConditionsOf } from "../../src/registration/match-conditions.ts";
import { rules } from "../../src/rules/index.ts";
import type { PrefilterQuery, ResourceRule, Rule } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, verdictOf } from "../support/policies.ts";

const OPERATIONS = ["CREATE", "UPDATE"] as const;
const PODS: ResourceRule = { group: "", version: "v1", resources: ["pods"], operations: OPERATIONS };
const CONFIG_MAPS: ResourceRule = { ...PODS, resources: ["configmaps"] };
const WORKLOADS: ResourceRule = { ...PODS, group: "apps", resources: ["deployments", "statefulsets"] };
const NOT_MADE = "not-made-by-a-controller";
const NOT_DELETED = "not-being-deleted";

/** Without the one that all entries have which ask about updates. */
function conditionsOf(phase: Phase, policies: readonly Policy[]): readonly MatchCondition[] {
  return matchConditionsOf(phase, policies).filter(({ name }) => name !== NOT_DELETED);
}

function filtering(expression: string | Rule["prefilter"], parts: Partial<Rule> = {}): Rule {
  const prefilter = typeof expression === "string" ? () => expression : expression;
  return ruleOf(() => verdictOf(), {
    resources: [CONFIG_MAPS],
    mutates: [],
    ...(prefilter ? { prefilter } : {}),
    ...parts,
  });
}

function policyThat(expression: string | Rule["prefilter"], parts: Partial<Rule> = {}): Policy {
  return policyOf(filtering(expression, parts));
}

function expressionsOf(policies: readonly Policy[], phase: Phase = "validate"): Readonly<Record<string, string>> {
  return Object.fromEntries(conditionsOf(phase, policies).map(({ name, expression }) => [name, expression]));
}

function namesOf(policies: readonly Policy[], phase: Phase = "validate"): readonly string[] {
  return conditionsOf(phase, policies).map(({ name }) => name);
}

const NO_CONFIG_MAP = "request.resource.group != '' || request.resource.resource != 'configmaps'";

describe("the expression of a resource", () => {
  it("lets through what is about another one", () => {
    expect(expressionsOf([policyThat("a", { resources: [CONFIG_MAPS, WORKLOADS] })])).toEqual({
      configmaps: `${NO_CONFIG_MAP} || (a)`,
      "deployments.apps": "request.resource.group != 'apps' || request.resource.resource != 'deployments' || (a)",
      "statefulsets.apps": "request.resource.group != 'apps' || request.resource.resource != 'statefulsets' || (a)",
    });
  });

  it("lets through what any policy may have a verdict on, each in parentheses and once", () => {
    const resources = [CONFIG_MAPS, WORKLOADS];
    const policies = ["a && b", "c ? d : e", "a && b"].map((expression) => policyThat(expression, { resources }));
    expect(Object.values(expressionsOf(policies))).toEqual([
      `${NO_CONFIG_MAP} || (a && b) || (c ? d : e)`,
      expect.stringMatching(/ 'deployments' \|\| \(a && b\) \|\| \(c \? d : e\)$/),
      expect.stringMatching(/ 'statefulsets' \|\| \(a && b\) \|\| \(c \? d : e\)$/),
    ]);
  });

  it("is none where one policy says nothing, and that of others stays", () => {
    const silent = policyThat(undefined);
    const unsure = policyThat(
      ({ resource }: PrefilterQuery<unknown>) => (resource === "configmaps" ? undefined : "b"),
      {
        resources: [CONFIG_MAPS, WORKLOADS],
      },
    );
    const sure = policyThat("a", { resources: [CONFIG_MAPS, WORKLOADS] });
    expect(namesOf([sure, silent])).toEqual(["deployments.apps", "statefulsets.apps"]);
    expect(namesOf([unsure, sure])).toEqual(["deployments.apps", "statefulsets.apps"]);
    expect(namesOf([silent])).toEqual([]);
  });

  it("is none where it would be longer than 8 KiB", () => {
    const rest = `${NO_CONFIG_MAP} || ()`.length;
    expect(namesOf([policyThat("a".repeat(8 * 1024 - rest))])).toEqual(["configmaps"]);
    expect(namesOf([policyThat("a".repeat(8 * 1024 - rest + 1))])).toEqual([]);
    const rule = filtering(({ params }) => JSON.stringify(params).padEnd(250));
    const many = Array.from({ length: 40 }, (_, index) => policyOf(rule, { params: { index } }));
    expect(namesOf(many)).toEqual([]);
    expect(namesOf(many.slice(0, 20))).toEqual(["configmaps"]);
  });

  it("is asked for with what the policy makes of its rule", () => {
    const asked: PrefilterQuery<unknown>[] = [];
    const rule = filtering((query) => void asked.push(query), { mutates: [CONFIG_MAPS], compile: () => "compiled" });
    for (const phase of ["validate", "mutate"] as const) matchConditionsOf(phase, [policyOf(rule)]);
    matchConditionsOf("validate", [policyOf(rule, { mutate: false })]);
    const query = { phase: "validate", resource: "configmaps", params: "compiled", mutate: true };
    expect(asked).toEqual([query, { ...query, phase: "mutate" }, { ...query, mutate: false }]);
  });

  it("is that of all versions and operations of it together", () => {
    const [created, updated] = OPERATIONS.map((operation) => ({ ...CONFIG_MAPS, operations: [operation] }));
    if (!created || !updated) throw new Error("there are two operations");
    const later = { ...created, version: "v2" };
    const policies = [policyThat("a", { resources: [created, later] }), policyThat("b", { resources: [updated] })];
    expect(expressionsOf(policies)).toEqual({ configmaps: `${NO_CONFIG_MAP} || (a) || (b)` });
    expect(
      namesOf([policyThat("a", { resources: [created] }), policyThat(undefined, { resources: [updated] })]),
    ).toEqual([]);
  });
});

describe("the conditions of a phase", () => {
  const both = policyThat("a", { resources: [CONFIG_MAPS], mutates: [WORKLOADS] });

  it("are about what is sent in it", () => {
    expect(namesOf([both], "validate")).toEqual(["configmaps"]);
    expect(namesOf([both], "mutate")).toEqual(["deployments.apps", "statefulsets.apps"]);
  });

  it("are not spoilt by a policy that asks for nothing in it", () => {
    const silent = policyThat(undefined, { resources: [CONFIG_MAPS], mutates: [] });
    const other = policyThat("a", { resources: [PODS], mutates: [CONFIG_MAPS] });
    expect(namesOf([silent, other], "mutate")).toEqual(["configmaps"]);
    const narrow = policyOf(filtering(undefined, { resources: [CONFIG_MAPS, WORKLOADS] }), {
      match: { resources: ["deployments.apps"] },
    });
    expect(namesOf([both, narrow], "validate")).toEqual(["configmaps"]);
  });

  it("leave out Pods that controllers make, where Pods are judged", () => {
    expect(namesOf([policyThat(undefined, { resources: [PODS] })], "validate")).toEqual([NOT_MADE]);
    expect(namesOf([policyThat("a", { resources: [PODS], mutates: [PODS] })], "validate")).toEqual([NOT_MADE, "pods"]);
    expect(namesOf([policyThat("a", { resources: [PODS], mutates: [PODS] })], "mutate")).toEqual(["pods"]);
    expect(namesOf([both], "validate")).not.toContain(NOT_MADE);
  });

  it("leave out what is being deleted, where updates are asked about", () => {
    const [created = PODS] = [{ ...CONFIG_MAPS, operations: ["CREATE" as const] }];
    const names = (policy: Policy, phase: Phase) => matchConditionsOf(phase, [policy]).map(({ name }) => name);
    const policy = policyThat("a", { resources: [CONFIG_MAPS], mutates: [created] });
    expect(names(policy, "validate")).toEqual([NOT_DELETED, "configmaps"]);
    expect(names(policy, "mutate")).toEqual(["configmaps"]);
    expect(names(policyThat(undefined, { resources: [CONFIG_MAPS] }), "validate")).toEqual([NOT_DELETED]);
    expect(names(policyThat("a", { mutates: [CONFIG_MAPS] }), "mutate")).toEqual([NOT_DELETED, "configmaps"]);
  });

  it("come in the same order, whatever that of the policies", () => {
    const policies = [
      policyOf(filtering("a", { resources: [WORKLOADS, PODS] }), {}, "a"),
      policyOf(filtering("a", { resources: [CONFIG_MAPS] }), {}, "b"),
    ];
    const names = [NOT_MADE, "configmaps", "deployments.apps", "pods", "statefulsets.apps"];
    expect(namesOf(policies)).toEqual(names);
    expect(matchConditionsOf("validate", policies.toReversed())).toEqual(matchConditionsOf("validate", policies));
  });

  it("say the same, whatever the order of the policies", () => {
    const policies = ["b", "a", "c"].map((expression) => policyThat(expression));
    expect(expressionsOf(policies)).toEqual({ configmaps: `${NO_CONFIG_MAP} || (a) || (b) || (c)` });
    expect(expressionsOf(policies.toReversed())).toEqual(expressionsOf(policies));
  });
});

/** The API server's: a label key without a prefix. */
const QUALIFIED_NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

it("the names are unique and such as an API server takes, for every rule on everything that it knows", () => {
  const rows = rules.flatMap((rule) => rule.resources);
  const resources = rows.flatMap((row) => row.resources.map((resource) => groupResource({ ...row, resource })));
  const policies = [policyThat("true", { resources: rows, mutates: rows }), policyThat("true", { resources: rows })];
  for (const phase of ["mutate", "validate"] as const) {
    const names = namesOf(policies, phase);
    expect(names.filter((name) => name !== NOT_MADE)).toEqual([...new Set(resources)].toSorted());
    expect(names.filter((name) => !QUALIFIED_NAME.test(name))).toEqual([]);
    // As many as an API server takes.
    expect(names.length).toBeLessThanOrEqual(64);
  }
});

it("an entry has those of its own policies, and none where there are none", () => {
  const open = { failurePolicy: "Ignore" };
  const policies = [
    policyThat("a"),
    policyOf(filtering("b"), open, "open"),
    policyOf(filtering(undefined), { match: { objectSelector: { matchLabels: { a: "b" } } } }, "labelled"),
  ];
  const target = { service: "portcullis", namespace: "policy", servicePort: 443, excludeNamespaces: [] };
  const conditions = desiredWebhooks("validate", policies, target).map(({ matchConditions }) =>
    matchConditions?.filter(({ name }) => name !== NOT_DELETED),
  );
  const expressions = conditions.map((list) => list?.map(({ expression }) => expression.replace(NO_CONFIG_MAP, "…")));
  expect(expressions.toSorted()).toEqual([[], ["… || (a)"], ["… || (b)"], undefined, undefined]);
});
