import fc from "fast-check";
import jsonPatch from "fast-json-patch";
import { describe, expect, it } from "vitest";
import { applyPatches, type JsonPatchOperation, setAnnotations, setLabels } from "../../src/kube/json-patch.ts";
import { jsonPointer } from "../../src/kube/json-pointer.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";

function objectWith(annotations: unknown): KubernetesObject {
  return { kind: "Pod", metadata: { labels: { app: "web" }, annotations: annotations as null } };
}

/** Somebody else's implementation of RFC 6902, which throws where the API server would. */
function applyElsewhere(object: KubernetesObject, patches: readonly JsonPatchOperation[]): KubernetesObject {
  return jsonPatch.applyPatch(structuredClone(object), structuredClone([...patches]), true).newDocument;
}

const key = fc.string({ unit: fc.constantFrom("a", "/", "~", "1"), minLength: 1, maxLength: 3 });
const map = fc.dictionary(key, fc.constantFrom("", "x", "y"), { maxKeys: 4, noNullPrototype: true });
const mapOrNone = fc.oneof(map, fc.constant(null), fc.constant(undefined));

describe.each([
  ["setAnnotations", "annotations", setAnnotations],
  ["setLabels", "labels", setLabels],
] as const)("%s", (_name, field, setAll) => {
  const withMap = (value: unknown): KubernetesObject => {
    return { kind: "Pod", metadata: { labels: { app: "web" }, annotations: { keep: "me" }, [field]: value } };
  };

  it("F-70: adds the map with the leaves where there is none, since an add below nothing fails the request", () => {
    const whole = [{ op: "add", path: `/metadata/${field}`, value: { a: "1", b: "2" } }];
    expect(setAll(withMap(undefined), { a: "1", b: "2" })).toEqual(whole);
    expect(setAll(withMap(null), { a: "1", b: "2" })).toEqual(whole);
  });

  it("F-70, F-71: adds leaf by leaf where there is one, and only what differs", () => {
    expect(setAll(withMap({ a: "1", "b/c": "old" }), { a: "1", "b/c": "new", "d~e": "" })).toEqual([
      { op: "add", path: `/metadata/${field}/b~1c`, value: "new" },
      { op: "add", path: `/metadata/${field}/d~0e`, value: "" },
    ]);
    expect(setAll(withMap({}), { a: "1" })).toEqual([{ op: "add", path: `/metadata/${field}/a`, value: "1" }]);
  });

  it("is not content with a property that every JavaScript object has", () => {
    expect(setAll(withMap({}), { constructor: "x" })).toHaveLength(1);
  });

  it("adds nothing to an object without metadata, where no patch would apply", () => {
    expect(setAll({ kind: "Pod" }, { a: "1" })).toEqual([]);
  });

  it("F-70, F-71, F-73: applies to any map, keeps what else there is, and has nothing to say the second time", () => {
    fc.assert(
      fc.property(mapOrNone, map, (before, wanted) => {
        const object = withMap(before);
        const patched = applyElsewhere(object, setAll(object, wanted));
        expect(patched.metadata?.[field] ?? {}).toEqual({ ...before, ...wanted });
        expect({ ...patched.metadata, [field]: before }).toEqual(object.metadata);
        expect(setAll(patched, wanted)).toEqual([]);
      }),
    );
  });
});

describe("applyPatches", () => {
  const value = fc.constantFrom("", "x", "y");
  const operation: fc.Arbitrary<JsonPatchOperation> = fc.oneof(
    fc.record({
      op: fc.constant("add" as const),
      path: fc.constantFrom("/metadata/labels", "/metadata/annotations"),
      value: map,
    }),
    fc
      .tuple(fc.constantFrom("labels", "annotations"), key, value)
      .map(([field, name, text]) => ({ op: "add" as const, path: jsonPointer("metadata", field, name), value: text })),
  );

  it("gives what any implementation of RFC 6902 gives, and doesn't write to its input", () => {
    fc.assert(
      fc.property(map, fc.array(operation, { maxLength: 5 }), (before, patches) => {
        const object = objectWith(before);
        const copy = structuredClone(object);
        expect(applyPatches(object, patches)).toEqual(applyElsewhere(object, patches));
        expect(object).toEqual(copy);
      }),
    );
  });

  it.each([
    "",
    "/",
    "/metadata",
    "/metadata/name",
    "/metadata/finalizers",
    "/metadata/labelsandmore",
    "/metadata/labels/a/b",
    "/spec/template/metadata/labels/app",
    "/spec",
    "metadata/labels/app",
    "/metadata/labels/",
  ])("throws on %j: only labels and annotations are ever patched", (path) => {
    const patch = { op: "add", path, value: "x" } as const;
    expect(() => applyPatches(objectWith({}), [patch])).toThrow(`a rule may not patch ${path}`);
  });

  it.each<[string, KubernetesObject, string, string | object]>([
    ["a leaf of annotations that are absent", objectWith(undefined), "/metadata/annotations/a", "x"],
    ["a leaf of annotations that are null", objectWith(null), "/metadata/annotations/a", "x"],
    ["a leaf of labels where there is no metadata", { kind: "Pod" }, "/metadata/labels/a", "x"],
    ["annotations where there is no metadata", { kind: "Pod" }, "/metadata/annotations", { a: "x" }],
  ])(
    "throws on %s: such a patch fails the user's request, whatever the failurePolicy",
    (_name, object, path, value) => {
      const patch = { op: "add", path, value } as JsonPatchOperation;
      expect(() => applyElsewhere(object, [patch])).toThrow();
      expect(() => applyPatches(object, [patch])).toThrow(/^a rule /);
    },
  );

  it("of nothing is the object itself", () => {
    const object = objectWith({});
    expect(applyPatches(object, [])).toBe(object);
  });
});
