import jsonPatch from "fast-json-patch";
import { describe, expect, it, vi } from "vitest";
import { evaluate } from "../../src/admission/evaluate.ts";
import { type JsonPatchOperation, setAnnotations } from "../../src/kube/json-patch.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { RuleInput } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, verdictOf, violationOf } from "../support/policies.ts";
import { callOf, decoded, POD, requestOf, updateOf } from "../support/reviews.ts";

function mutate(policies: readonly Policy[], request = decoded()) {
  const operation = request.operation === "UPDATE" ? "UPDATE" : "CREATE";
  return evaluate(callOf({ phase: "mutate" }), { kind: "judge", operation, policies }, request);
}

/** A policy whose rule wants these annotations. */
function annotate(name: string, wanted: Readonly<Record<string, string>>): Policy {
  const rule = ruleOf(({ object }) => ({ violations: [], patches: setAnnotations(object, wanted) }));
  return policyOf(rule, {}, name);
}

function apply(object: KubernetesObject, patches: readonly JsonPatchOperation[]): KubernetesObject {
  return jsonPatch.applyPatch(structuredClone(object), structuredClone([...patches]), true).newDocument;
}

function podWith(annotations: unknown): KubernetesObject {
  return { ...POD, metadata: { ...POD.metadata, annotations: annotations as null } };
}

describe("the patches of several policies", () => {
  const policies = [
    annotate("a", { "a.dev/x": "1", shared: "a" }),
    annotate("b", { "b~dev": "2" }),
    annotate("c", { shared: "c" }),
  ];

  it.each<[string, unknown]>([
    ["no annotations", undefined],
    ["annotations that are null", null],
    ["empty annotations", {}],
    ["other annotations", { other: "o" }],
    ["some of the annotations", { "b~dev": "2", shared: "old" }],
  ])("F-70, F-71: make one patch that applies to an object with %s", (_name, annotations) => {
    const object = podWith(annotations);
    const outcome = mutate(policies, decoded(requestOf({ object })));
    expect(apply(object, outcome.patches).metadata?.annotations).toEqual({
      ...(annotations as object),
      "a.dev/x": "1",
      "b~dev": "2",
      shared: "c",
    });
  });

  it("F-70, F-71: add the map once where there is none, and leaves after that", () => {
    expect(mutate(policies).patches).toEqual([
      { op: "add", path: "/metadata/annotations", value: { "a.dev/x": "1", shared: "a" } },
      { op: "add", path: "/metadata/annotations/b~0dev", value: "2" },
      { op: "add", path: "/metadata/annotations/shared", value: "c" },
    ]);
  });

  it("F-70, F-73: are none when every policy is content", () => {
    const content = podWith({ "a.dev/x": "1", shared: "a" });
    expect(mutate([annotate("a", { shared: "a" })], decoded(requestOf({ object: content }))).patches).toEqual([]);
  });

  it("leave the request's object as it came", () => {
    const request = decoded();
    mutate(policies, request);
    expect(request.object).toEqual(POD);
  });
});

describe("a mutating review", () => {
  it("is always allowed, and says nothing of violations", () => {
    const policy = policyOf(ruleOf(() => verdictOf({ code: "MADE-UP" })));
    expect(mutate([policy])).toEqual({ allowed: true, judged: [], patches: [] });
  });

  it("shows each policy the object as the ones before it leave it, and the old object as it was", () => {
    const evaluateRule = vi.fn((_input: RuleInput<unknown>) => verdictOf());
    const old = podWith({ old: "yes" });
    mutate([annotate("a", { note: "a" }), policyOf(ruleOf(evaluateRule))], decoded(updateOf(podWith({}), old)));
    expect(evaluateRule.mock.calls[0]?.[0]).toMatchObject({
      operation: "UPDATE",
      object: { metadata: { annotations: { note: "a" } } },
      oldObject: { metadata: { annotations: { old: "yes" } } },
      mutate: true,
    });
  });

  it("fails where a rule patches more than labels and annotations", () => {
    const patch: JsonPatchOperation = { op: "add", path: "/spec/nodeName", value: "mine" };
    const policy = policyOf(ruleOf(() => ({ violations: [], patches: [patch] })));
    expect(() => mutate([policy])).toThrow("a rule may not patch /spec/nodeName");
  });
});

describe("a patch that was never made, since the mutating call was lost", () => {
  const rule = ruleOf(({ object, mutate }) => {
    const isPatched = object.metadata?.annotations?.["made-up"] === "yes";
    return {
      violations: mutate || isPatched ? [] : [violationOf()],
      patches: mutate && !isPatched ? setAnnotations(object, { "made-up": "yes" }) : [],
    };
  });
  const validate = (object: KubernetesObject) =>
    evaluate(
      callOf(),
      { kind: "judge", operation: "CREATE", policies: [policyOf(rule)] },
      decoded(requestOf({ object })),
    );

  it("leaves the object to be judged as it is", () => {
    expect(validate(POD)).toMatchObject({ allowed: false, patches: [] });
  });

  it("control: one that was made is not asked about", () => {
    const patched = { ...POD, metadata: { ...POD.metadata, annotations: { "made-up": "yes" } } };
    expect(validate(patched)).toMatchObject({ allowed: true, judged: [] });
  });
});

describe("F-74: annotations that would be more than the API server takes", () => {
  const room = 256 * 1024 - Buffer.byteLength("filler") - Buffer.byteLength("small1") - Buffer.byteLength("ä");
  const policies = [annotate("a", { large: "x".repeat(100) }), annotate("b", { small: "1" })];

  it("are not added, and the user is told for which policy; what fits is", () => {
    const object = podWith({ filler: "x".repeat(room - 2), ä: "" });
    const { allowed, patches, notices } = mutate(policies, decoded(requestOf({ object })));
    expect(allowed).toBe(true);
    expect(patches).toEqual([{ op: "add", path: "/metadata/annotations/small", value: "1" }]);
    expect(notices).toEqual(["policy a adds nothing: there would be more than 256 KiB of annotations"]);
  });

  it("are counted in bytes, to the last", () => {
    const answer = (length: number) =>
      mutate(
        [annotate("b", { small: "1" })],
        decoded(requestOf({ object: podWith({ filler: "x".repeat(length), ä: "" }) })),
      );
    expect(answer(room).patches).toHaveLength(1);
    expect(answer(room).notices).toBeUndefined();
    expect(answer(room + 1).patches).toEqual([]);
  });
});
