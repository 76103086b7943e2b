import fc from "fast-check";
import jsonPatch from "fast-json-patch";
import { describe, expect, it } from "vitest";
import { fieldPath, jsonPointer, pointerSegment } from "../../src/kube/json-pointer.ts";

describe("a JSON pointer", () => {
  it("F-71: escapes ~ before /, so that neither is mistaken for the other", () => {
    expect(pointerSegment("a~b/c~1")).toBe("a~0b~1c~01");
  });

  it("is a slash and a segment for each key, and empty for none", () => {
    expect(jsonPointer("metadata", "labels", "a/b")).toBe("/metadata/labels/a~1b");
    expect(jsonPointer("spec", "volumes", 0)).toBe("/spec/volumes/0");
    expect(jsonPointer("")).toBe("/");
    expect(jsonPointer()).toBe("");
  });

  it("leads to the key that it was made from", () => {
    const key = fc.string({ unit: fc.constantFrom("~", "/", "0", "1", "a") }).filter((text) => text !== "");
    fc.assert(
      fc.property(key, key, (outer, inner) => {
        const pointer = jsonPointer(outer, inner);
        expect(jsonPatch.getValueByPointer({ [outer]: { [inner]: "here" } }, pointer)).toBe("here");
      }),
    );
  });
});

describe("a field as people write it", () => {
  it.each<[string, string]>([
    ["/metadata/labels", "metadata.labels"],
    ["/metadata/annotations/a~1b", "metadata.annotations[a/b]"],
    ["/metadata/labels/a~01", "metadata.labels[a~1]"],
    ["/metadata/labels/app.kubernetes.io~1name", "metadata.labels[app.kubernetes.io/name]"],
    ["/spec/volumes/0/name", "spec.volumes[0].name"],
    ["/spec/matchLabels/my-label", "spec.matchLabels.my-label"],
    ["", ""],
  ])("%j is %j", (pointer, expected) => {
    expect(fieldPath(pointer)).toBe(expected);
  });
});
