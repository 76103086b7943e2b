/** docs/platforms.md and the chart's presets: each renders to what stands on the page. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { CHART, describeChart, type Values } from "../support/chart.ts";
import type { Rendered } from "../support/kustomize.ts";
import { readSource } from "./source-files.ts";

const page = readSource("docs/platforms.md");
const PRESETS = join(CHART, "presets");
const presets = readdirSync(PRESETS).toSorted();

/** What the page shows after it has named the preset: parts of objects. */
function shownFor(preset: string): readonly Part[] {
  const [, rest = ""] = page.split(new RegExp(`^(?=.*\`${preset}\`)`, "m"));
  const [, text = ""] = /^```yaml\n(.*?)^```$/ms.exec(rest) ?? [];
  return parseAllDocuments(text).map((document) => document.toJS());
}

interface Part {
  readonly kind: string;
}

const readPreset = (preset: string): Values => parse(readFileSync(join(PRESETS, preset), "utf8"));

it.each(presets)("the page names %s and shows what it comes to", (preset) => {
  expect(shownFor(preset).length).toBeGreaterThan(0);
});

it("the page names no preset that isn't there", () => {
  const named = [...page.matchAll(/`(?:manifests\/chart\/presets\/)?([a-z-]+\.yaml)`/g)].map(([, name]) => name);
  expect([...new Set(named)].toSorted()).toEqual(presets);
});

describeChart("the presets of the chart", (helm) => {
  describe.each(presets)("%s", (preset) => {
    const parts = shownFor(preset);

    it.each(parts)("renders to the page's $kind", (part) => {
      expect(lacking(helm.template(readPreset(preset)), part)).toEqual([]);
    });

    it("control: without it there is something else", () => {
      expect(parts.flatMap((part) => lacking(helm.template(), part))).not.toEqual([]);
    });

    it("leaves its namespaces out everywhere, and none that are left out by default comes back", () => {
      const { excludeNamespaces } = readPreset(preset) as { excludeNamespaces?: readonly string[] };
      const objects = helm.template(readPreset(preset));
      const byDefault = excludedIn(helm.template()).init ?? [];
      const { init, register, guard } = excludedIn(objects);
      expect(init).toEqual(excludeNamespaces ?? byDefault);
      expect(register).toEqual(init);
      expect(guard).toEqual(expect.arrayContaining([...(init ?? [])]));
      expect(init).toEqual(expect.arrayContaining([...byDefault]));
    });
  });

  it("openshift.yaml: no Pod asks for an id, and none may be root", () => {
    const contexts = (values: Values) =>
      podSpecsOf(helm.template(values)).map(({ securityContext }) => securityContext ?? {});
    const asked = (values: Values) =>
      contexts(values).flatMap((context) => ["runAsUser", "runAsGroup", "fsGroup"].filter((field) => field in context));
    expect(asked(readPreset("openshift.yaml"))).toEqual([]);
    expect(contexts(readPreset("openshift.yaml")).every(({ runAsNonRoot }) => runAsNonRoot === true)).toBe(true);
    expect(asked({}).length, "control").toBeGreaterThan(5);
  });

  it("eks-overlay.yaml: no two ports of a Pod are the same, no Job is on the node's network, no NetworkPolicy is made in vain", () => {
    const objects = helm.template(readPreset("eks-overlay.yaml"));
    const onHost = podSpecsOf(objects).filter(({ hostNetwork }) => hostNetwork === true);
    expect(onHost).toHaveLength(1);
    const ports = onHost.flatMap(({ initContainers = [], containers }) =>
      [...initContainers, ...containers].flatMap(({ ports: own = [] }) =>
        own.map(({ containerPort }) => containerPort),
      ),
    );
    expect(ports).toHaveLength(3);
    expect(new Set(ports).size).toBe(3);
    expect(objects.map(({ kind }) => kind)).not.toContain("NetworkPolicy");
    expect(
      helm.template().map(({ kind }) => kind),
      "control",
    ).toContain("NetworkPolicy");
  });
});

it("control: a part that differs is told", () => {
  const object = { kind: "Service", metadata: { name: "a" }, spec: { ports: [{ port: 443 }, { port: 80 }] } };
  expect(lacking([object], { kind: "Service", spec: { ports: [{ port: 80 }] } } as Part)).toEqual([]);
  expect(lacking([object], { kind: "Service", spec: { ports: [{ port: 81 }] } } as Part)).toHaveLength(1);
  expect(lacking([object], { kind: "Pod" })).toEqual(["no Pod"]);
});

/** Why no object of its kind has all that the part has. */
function lacking(objects: readonly Rendered[], part: Part): readonly string[] {
  const candidates = objects.filter(({ kind }) => kind === part.kind);
  if (candidates.length === 0) return [`no ${part.kind}`];
  return candidates.some((object) => has(object, part)) ? [] : [`no ${part.kind} has ${JSON.stringify(part)}`];
}

/** Null is not there. Maps may have more, and of a list each that is wanted has to be among those that are there. */
function has(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return Array.isArray(actual) && wanted.every((one) => actual.some((other) => has(other, one)));
  if (wanted === null) return actual === undefined;
  if (typeof wanted !== "object") return actual === wanted;
  const fields = (actual ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([key, value]) => has(fields[key], value));
}

interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly containerPort: number }[];
}

interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

/** Of whatever makes Pods, and of Pods. */
function podSpecsOf(objects: readonly Rendered[]): readonly PodSpec[] {
  return objects.flatMap((object) => findPodSpecs(object));
}

function findPodSpecs(value: unknown): readonly PodSpec[] {
  if (typeof value !== "object" || value === null) return [];
  if ("containers" in value) return [value as PodSpec];
  return Object.values(value).flatMap(findPodSpecs);
}

function excludedIn(objects: readonly Rendered[]) {
  const containers = podSpecsOf(objects).flatMap(({ initContainers = [], containers: own }) => [
    ...initContainers,
    ...own,
  ]);
  const of = (name: string) =>
    containers
      .find((container) => container.name === name)
      ?.env?.find((variable) => variable.name === "EXCLUDE_NAMESPACES")
      ?.value?.split(",");
  const guard = JSON.stringify(objects.filter(({ kind }) => kind === "ValidatingAdmissionPolicy"));
  const [, list = ""] = /\['kube-system', ([^\]]*)\]/.exec(guard) ?? [];
  return { init: of("init"), register: of("register"), guard: list.split(", ").map((name) => name.slice(1, -1)) };
}
