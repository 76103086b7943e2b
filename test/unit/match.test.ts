import { describe, expect, it } from "vitest";
import { match } from "../../src/admission/match.ts";
import type { AdmissionRequest, Call } from "../../src/admission/types.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import type { ResourceRule } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, ruleThatFinds, verdictOf } from "../support/policies.ts";
import { callOf, decoded, POD, requestOf, updateOf } from "../support/reviews.ts";

const policy = policyOf(ruleThatFinds());
const index = indexPolicies([policy]);

function matchOf(request: AdmissionRequest, call: Partial<Call> = {}) {
  return match(callOf(call), request, index);
}

function podWith(metadata: object): KubernetesObject {
  return { ...POD, metadata: { ...POD.metadata, ...metadata } };
}

describe("a request that is judged", () => {
  it.each(["validate", "mutate"] as const)("goes to the policies of the phase %s", (phase) => {
    expect(matchOf(decoded(), { phase })).toEqual({ kind: "judge", operation: "CREATE", policies: [policy] });
  });

  it("may be an update", () => {
    const request = decoded(updateOf(POD, POD));
    expect(matchOf(request)).toEqual({ kind: "judge", operation: "UPDATE", policies: [policy] });
  });

  it.each<[string, object]>([
    ["of another resource", { resource: { group: "", version: "v1", resource: "services" } }],
    [
      "of a resource of the same name in another group",
      { resource: { group: "example.org", version: "v1", resource: "pods" } },
    ],
  ])("%s, goes to no policy", (_name, parts) => {
    expect(matchOf(decoded(requestOf(parts)))).toMatchObject({ kind: "judge", policies: [] });
  });

  it("of another version, goes to the policies of the resource", () => {
    const request = decoded(requestOf({ resource: { group: "", version: "v2", resource: "pods" } }));
    expect(matchOf(request)).toMatchObject({ policies: [policy] });
  });
});

describe("a Namespace", () => {
  const NAMESPACES: ResourceRule[] = [{ group: "", version: "v1", resources: ["namespaces"], operations: ["CREATE"] }];
  const rule = ruleOf(() => verdictOf(), { resources: NAMESPACES, mutates: NAMESPACES });
  const policies = indexPolicies([policyOf(rule, { match: { namespaces: { include: ["team-*"] } } })]);
  const countFor = (namespace: string, metadata: object): number => {
    const resource = { group: "", version: "v1", resource: "namespaces" };
    const object = { apiVersion: "v1", kind: "Namespace", metadata };
    const matched = match(callOf(), decoded(requestOf({ resource, namespace, name: namespace, object })), policies);
    return matched.kind === "judge" ? matched.policies.length : 0;
  };

  it("F-60: is in itself", () => {
    expect(countFor("team-a", { name: "team-a" })).toBe(1);
    expect(countFor("other", { name: "other" })).toBe(0);
  });

  it("whose name is being generated is known by its beginning, or by the name that it has got", () => {
    expect(countFor("", { generateName: "team-" })).toBe(1);
    expect(countFor("", { name: "team-x7", generateName: "team-" })).toBe(1);
    expect(countFor("", { generateName: "other-" })).toBe(0);
  });
});

describe("a request is skipped", () => {
  it.each<[string, object]>([
    ["DELETE", { object: null, oldObject: POD }],
    ["DELETE", { object: null, oldObject: POD, name: "" }],
    ["CONNECT", { object: { kind: "PodExecOptions", command: ["sh"] }, subResource: "exec" }],
    ["CONNECT", { object: { kind: "PodAttachOptions", stdin: true }, subResource: "attach" }],
    ["CONNECT", { object: { kind: "PodPortForwardOptions" }, subResource: "portforward" }],
    ["CONNECT", { object: { kind: "PodProxyOptions", path: "/" }, subResource: "proxy" }],
  ])("F-48, F-49, F-50: for its operation, %s", (operation, parts) => {
    expect(matchOf(decoded(requestOf({ operation, ...parts })))).toEqual({ kind: "skip", reason: "operation" });
  });

  it.each(["status", "scale", "eviction", "binding", "ephemeralcontainers", "resize", "finalize"])(
    "F-51, F-52: for its subresource, %s",
    (subResource) => {
      const request = decoded(requestOf({ subResource, object: { apiVersion: "autoscaling/v1", kind: "Scale" } }));
      expect(matchOf(request)).toEqual({ kind: "skip", reason: "subresource" });
    },
  );

  it("F-64: while its object is being deleted", () => {
    const leaving = podWith({ deletionTimestamp: "2026-11-21T12:00:00Z", finalizers: [] });
    expect(matchOf(decoded(updateOf(leaving, leaving)))).toEqual({ kind: "skip", reason: "being-deleted" });
  });

  it("F-64: where only the old object says that it is being deleted", () => {
    const leaving = podWith({ deletionTimestamp: "2026-11-21T12:00:00Z" });
    expect(matchOf(decoded(updateOf(POD, leaving)))).toEqual({ kind: "skip", reason: "being-deleted" });
  });

  it("F-68: for a mirror Pod", () => {
    const mirror = podWith({ annotations: { "kubernetes.io/config.mirror": "0d8f" } });
    expect(matchOf(decoded(requestOf({ object: mirror })))).toEqual({ kind: "skip", reason: "mirror-pod" });
  });
});

describe("a request is not skipped", () => {
  it("for the annotation of a mirror Pod on anything but a Pod", () => {
    const object = podWith({ annotations: { "kubernetes.io/config.mirror": "0d8f" } });
    const resource = { group: "", version: "v1", resource: "configmaps" };
    expect(matchOf(decoded(requestOf({ object, resource })))).toMatchObject({ kind: "judge", policies: [policy] });
  });

  it("for a deletionTimestamp that is null", () => {
    const object = podWith({ deletionTimestamp: null });
    expect(matchOf(decoded(requestOf({ object })))).toMatchObject({ kind: "judge" });
  });
});

describe("the canary", () => {
  it.each(["CREATE", "UPDATE", "DELETE"])("is the canary whatever the request, %s", (operation) => {
    const request = decoded(requestOf({ operation, oldObject: POD, subResource: "status" }));
    expect(matchOf(request, { entry: "canary" })).toEqual({ kind: "canary" });
  });

  it("is only in the phase validate: a mutating webhook of that name refuses nobody", () => {
    expect(matchOf(decoded(), { phase: "mutate", entry: "canary" })).toMatchObject({ kind: "judge" });
  });
});
