/** Reading other people's objects: whatever isn't as it should be is not there, and nothing is inherited. */
import { describe, expect, it } from "vitest";
import {
  annotationOf,
  groupResource,
  type KubernetesObject,
  labelOf,
  ownValue,
  recordField,
  recordList,
  stringField,
} from "../../src/kube/objects.ts";
import { podTemplateOf } from "../../src/kube/pod-template.ts";
import { quoted } from "../../src/kube/quoted.ts";

describe("a value of a map of strings", () => {
  it("is the one that somebody put there", () => {
    const labels = JSON.parse('{"app":"web","empty":"","__proto__":"own"}');
    expect(ownValue(labels, "app")).toBe("web");
    expect(ownValue(labels, "empty")).toBe("");
    expect(ownValue(labels, "__proto__")).toBe("own");
    expect(labelOf({ metadata: { labels } }, "app")).toBe("web");
    expect(annotationOf({ metadata: { annotations: labels } }, "app")).toBe("web");
  });

  it.each(["constructor", "toString", "hasOwnProperty", "__proto__"])("is absent unless it is its own: %s", (key) => {
    expect(ownValue({}, key)).toBeUndefined();
    expect(labelOf({ metadata: { labels: {} } }, key)).toBeUndefined();
  });

  it("is absent where there is no map", () => {
    expect(ownValue(null, "app")).toBeUndefined();
    expect(labelOf(undefined, "app")).toBeUndefined();
    expect(labelOf({ metadata: null }, "app")).toBeUndefined();
    expect(annotationOf({ metadata: { annotations: null } }, "app")).toBeUndefined();
  });
});

describe("a field of an unchecked object", () => {
  const parent = { text: "x", record: { a: 1 }, list: [{ b: 1 }, null, "c", [2], { d: 1 }], nothing: null };

  it("is given where it has its type", () => {
    expect(stringField(parent, "text")).toBe("x");
    expect(recordField(parent, "record")).toEqual({ a: 1 });
    expect(recordList(parent, "list")).toEqual([{ b: 1 }, { d: 1 }]);
  });

  it.each(["text", "record", "list", "nothing", "missing", "constructor", "__proto__"])(
    "is absent where it has another: %s",
    (field) => {
      if (field !== "text") expect(stringField(parent, field)).toBeUndefined();
      if (field !== "record") expect(recordField(parent, field)).toBeUndefined();
      if (field !== "list") expect(recordList(parent, field)).toEqual([]);
    },
  );

  it.each([undefined, null, "text", 5, ["text"]])("is absent where its parent is no object: %j", (broken) => {
    expect(stringField(broken, "text")).toBeUndefined();
    expect(recordField(broken, "record")).toBeUndefined();
    expect(recordList(broken, "list")).toEqual([]);
  });
});

describe("a resource", () => {
  it("is written as kubectl writes it", () => {
    expect(groupResource({ group: "", version: "v1", resource: "pods" })).toBe("pods");
    expect(groupResource({ group: "apps", version: "v1", resource: "deployments" })).toBe("deployments.apps");
  });
});

describe("the template of an object's Pods", () => {
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [] } };
  it.each<[string, KubernetesObject, string]>([
    ["pods", template, ""],
    ["deployments.apps", { spec: { template } }, "/spec/template"],
    ["replicasets.apps", { spec: { template } }, "/spec/template"],
    ["jobs.batch", { spec: { template } }, "/spec/template"],
    ["cronjobs.batch", { spec: { jobTemplate: { spec: { template } } } }, "/spec/jobTemplate/spec/template"],
  ])("is found in %s", (resource, object, pointer) => {
    expect(podTemplateOf(resource, object)).toEqual({ pointer, ...template });
  });

  it("is empty where it says nothing", () => {
    const empty = { pointer: "/spec/template", metadata: {}, spec: {} };
    expect(podTemplateOf("deployments.apps", { spec: { template: {} } })).toEqual(empty);
    expect(podTemplateOf("deployments.apps", { spec: { template: { metadata: "x", spec: [] } } })).toEqual(empty);
  });

  it.each<[string, KubernetesObject]>([
    ["services", { spec: { template } }],
    ["constructor", { spec: { template } }],
    ["deployments.apps", {}],
    ["deployments.apps", { spec: { template: null } }],
    ["deployments.apps", { spec: [template] }],
    ["cronjobs.batch", { spec: { template } }],
  ])("is not there in %s: %j", (resource, object) => {
    expect(podTemplateOf(resource, object)).toBeUndefined();
  });
});

describe("a value in a message", () => {
  it.each<[string, string]>([
    ["web", '"web"'],
    ['a "b" \\', '"a \\"b\\" \\\\"'],
    ["a\nb", '"a\\nb"'],
    ["\u001b[31m", '"\\u001b[31m"'],
    ["a\u202eb\u200d\u2028", '"a\\u{202e}b\\u{200d}\\u{2028}"'],
    ["\ud800", '"\\ud800"'],
    ["x".repeat(61), `"${"x".repeat(60)}…"`],
  ])("is quoted, cut and harmless: %j", (value, expected) => {
    expect(quoted(value)).toBe(expected);
  });
});
