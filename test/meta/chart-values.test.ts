/** What each value of the chart does, that nothing else is taken, and that the pages say so. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { type Document, parseDocument, type YAMLMap } from "yaml";
import { CHART, describeChart, type Values } from "../support/chart.ts";
import { DIGEST, MISREADABLE, MISTAKES, OTHERS } from "../support/chart-values.ts";
import { containersOf, MANIFESTS, type Rendered, templateOf } from "../support/kustomize.ts";
import { listChartValues, readChartSchema } from "./generated/chart-values.ts";

const values = listChartValues();
const leaves = values.filter(({ isGroup }) => !isGroup);

it("the schema takes nothing that it doesn't name, but in objects of Kubernetes", () => {
  const open = listOpenObjects(JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8")), "");
  // A variable of extraEnv has a value, or a source of one.
  expect(open).toEqual(["/properties/extraEnv/items"]);
});

describe("values.yaml", () => {
  const document = parseDocument(readFileSync(join(CHART, "values.yaml"), "utf8"));

  it("has every value of the schema, and the schema every value", () => {
    expect(leaves.filter(({ value }) => value === undefined)).toEqual([]);
    expect(Object.keys(document.toJS())).toEqual(
      Object.keys(readChartSchema().properties ?? {}).filter((key) => key !== "global"),
    );
  });

  it.each(values)("says of $path what the schema says", ({ path, description }) => {
    expect(commentOf(document, path.split("."))).toBe(description);
    expect(description).toMatch(/^\S.{9,}\.$/);
  });

  it("has the policies that ship, those in optional/ switched off", () => {
    const filesIn = (...folders: string[]) =>
      readdirSync(join(MANIFESTS, "policies", ...folders))
        .filter((file) => file.endsWith(".yaml"))
        .map((file) => file.replace(".yaml", ""));
    const shipped = Object.entries(leaves.find(({ path }) => path === "policies.shipped")?.value ?? {});
    expect(
      shipped
        .filter(([, isInForce]) => isInForce)
        .map(([name]) => name)
        .toSorted(),
    ).toEqual(filesIn().toSorted());
    expect(
      shipped
        .filter(([, isInForce]) => !isInForce)
        .map(([name]) => name)
        .toSorted(),
    ).toEqual(filesIn("optional").toSorted());
  });
});

test("every value has another one to be tried with", () => {
  expect(Object.keys(OTHERS)).toEqual(leaves.map(({ path }) => path));
});

describeChart("a value of the chart", (helm) => {
  const image = (value: Values) => helm.template({ image: value });

  describe("shows where it is set:", () => {
    it.each(Object.entries(OTHERS))("%s", (path, [value, needs = {}]) => {
      expect(helm.template(merge(needs, nest(path, value)))).not.toEqual(helm.template(needs));
    });
  });

  it("that the templates use is in values.yaml", () => {
    const templates = readdirSync(join(CHART, "templates"), { recursive: true, encoding: "utf8" }).filter((file) =>
      /\.\w+$/.test(file),
    );
    const used = templates.flatMap((file) =>
      [...readFileSync(join(CHART, "templates", file), "utf8").matchAll(/\.Values\.([\w.]*\w)/g)].map(
        ([, path]) => path,
      ),
    );
    expect(new Set(used).size).toBeGreaterThan(20);
    const known = new Set(values.map(({ path }) => path));
    expect([...new Set(used)].filter((path = "") => !known.has(path))).toEqual([]);
  });

  describe("is refused, and named, where it is wrong:", () => {
    it.each(MISTAKES)("%j", (mistake, named) => {
      expect(() => helm.template(mistake)).toThrow(named);
    });

    it("but not what a parent chart passes on", () => {
      expect(helm.template({ global: { team: "a" } })).toEqual(helm.template());
    });
  });

  describe("stays text where Kubernetes wants text:", () => {
    it.each(MISREADABLE)("as $fullnameOverride, of $excludeNamespaces", (values) => {
      const texts = helm
        .template(values, { release: "123", namespace: "456" })
        .flatMap((object) => textsIn(object, object.kind));
      expect(texts.filter(([, value]) => typeof value !== "string")).toEqual([]);
      const { fullnameOverride, nameOverride, excludeNamespaces } = values;
      const known = texts.map(([, value]) => value);
      // The release's name is a label, the rest are names and variables too.
      expect(known).toEqual(
        expect.arrayContaining(["123", "456", fullnameOverride, nameOverride, String(excludeNamespaces), "7"]),
      );
    });
  });

  describe("strategy", () => {
    it.each<[Values, Values]>([
      [{ type: "Recreate" }, { type: "Recreate" }],
      [
        { rollingUpdate: { maxSurge: 2 } },
        { type: "RollingUpdate", rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } },
      ],
      // Of no type, Kubernetes takes RollingUpdate.
      [{ type: null }, { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }],
    ])("%j is %j: rollingUpdate is for RollingUpdate alone", (strategy, expected) => {
      expect(find(helm.template({ strategy }), "Deployment portcullis").spec.strategy).toEqual(expected);
    });
  });

  it("volumes has none by a name of ours", () => {
    const { volumes } = templateOf(find(helm.template(), "Deployment portcullis")).spec;
    expect(volumes.length).toBeGreaterThan(2);
    for (const { name } of volumes) {
      const named = `volumes: ${name} is a volume of the chart's own; choose another name`;
      expect(() => helm.template({ volumes: [{ name: "callers" }, { name, emptyDir: {} }] })).toThrow(named);
    }
  });

  describe("image", () => {
    it("has one registry for every container", () => {
      const values = { registry: "registry.example.com/mirror/", repository: "team/portcullis" };
      expect(imagesOf(image(values))).toEqual(["registry.example.com/mirror/team/portcullis:0.1.0"]);
    });

    it("may have its registry in the repository", () => {
      expect(imagesOf(image({ repository: "localhost:5000/portcullis" }))).toEqual(["localhost:5000/portcullis:0.1.0"]);
    });

    it("is by its digest where it has one, whatever the tag", () => {
      expect(imagesOf(image({ tag: "2", digest: DIGEST }))).toEqual([`portcullis@${DIGEST}`]);
    });

    it("is pulled by every Pod with the same Secrets", () => {
      const pods = podsOf(helm.template({ imagePullSecrets: [{ name: "registry" }] }));
      expect(pods.map((pod) => pod.imagePullSecrets)).toEqual(pods.map(() => [{ name: "registry" }]));
    });
  });

  describe("on a platform:", () => {
    it("other ports are those of containers, settings and NetworkPolicy, and the Service finds them by name", () => {
      const ports = { webhook: 10250, health: 10251, keeper: 10252 };
      const objects = helm.template({ ports });
      const { spec } = templateOf(find(objects, "Deployment portcullis"));
      const [init, server] = [spec.initContainers[0], spec.containers[0]];
      expect(server.ports).toEqual([
        { name: "webhook", containerPort: 10250 },
        { name: "health", containerPort: 10251 },
      ]);
      expect(variablesOf(server)).toMatchObject({ PORT: "10250", HEALTH_PORT: "10251" });
      expect(init.ports).toEqual([{ name: "keeper", containerPort: 10252 }]);
      expect(variablesOf(init)).toMatchObject({ HEALTH_PORT: "10251", KEEPER_PORT: "10252" });
      expect(find(objects, "Service portcullis").spec.ports).toEqual([
        { name: "webhook", port: 443, targetPort: "webhook" },
      ]);
      const [ingress] = find(objects, "NetworkPolicy portcullis-server").spec.ingress;
      expect(ingress.ports.map(({ port }: Rendered) => port)).toEqual([10250, 10251, 10252]);
    });

    it("hostNetwork is for the server's Pods, and dnsPolicy goes with it", () => {
      const pods = podsOf(helm.template({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }));
      const [server, ...others] = pods.toSorted((a) => (a.serviceAccountName === "portcullis-init" ? -1 : 1));
      expect(server).toMatchObject({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
      expect(others.filter((pod) => "hostNetwork" in pod || "dnsPolicy" in pod)).toEqual([]);
    });

    it("OpenShift's: ids that are null are not in any Pod", () => {
      const unset = { runAsUser: null, runAsGroup: null, fsGroup: null };
      for (const pod of podsOf(helm.template({ podSecurityContext: unset }))) {
        expect(pod.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      }
    });

    it("another port of the Service is known to init and register", () => {
      const containers = podsOf(helm.template({ service: { port: 8443 } })).flatMap((spec) => containersOf({ spec }));
      const knowing = containers.filter((container) => variablesOf(container).WEBHOOK_PORT === "8443");
      expect(knowing.map(({ name }) => name).toSorted()).toEqual(["init", "register", "register"]);
    });

    it("one replica has no budget, which would let no drain end", () => {
      expect(find(helm.template({ replicaCount: 1 }), "PodDisruptionBudget portcullis")).toBeUndefined();
      expect(
        find(helm.template({ replicaCount: 1, autoscaling: { enabled: true } }), "PodDisruptionBudget portcullis"),
      ).toBeDefined();
    });
  });
});

function find(objects: readonly Rendered[], name: string): Rendered {
  return objects.find(({ kind, metadata }) => `${kind} ${metadata.name}` === name);
}

/** With those of the hooks. */
function podsOf(objects: readonly Rendered[]): readonly Rendered[] {
  const pods = objects
    .flatMap((object) => (object.kind === "Pod" ? object : (templateOf(object) ?? [])))
    .map(({ spec }) => spec);
  expect(pods.length).toBeGreaterThan(3);
  return pods;
}

function imagesOf(objects: readonly Rendered[]): readonly string[] {
  return [...new Set(podsOf(objects).flatMap((spec) => containersOf({ spec }).map((container) => container.image)))];
}

function variablesOf({ env = [] }: Rendered): Readonly<Record<string, string>> {
  return Object.fromEntries(env.map(({ name, value }: Rendered) => [name, value]));
}

const TEXTS = new Set(["name", "namespace", "value", "priorityClassName", "serviceAccountName"]);
const HOLDERS = new Set([
  "labels",
  "annotations",
  "matchLabels",
  "nodeSelector",
  "data",
  "args",
  "values",
  "resourceNames",
]);

/** What the API server takes as a string alone, with its path, whatever it has been read as. */
function textsIn(value: unknown, path: string): readonly (readonly [path: string, value: unknown])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const innerPath = `${path}/${key}`;
    if (TEXTS.has(key) || HOLDERS.has(path.split("/").at(-1) ?? "")) return [[innerPath, inner]];
    return textsIn(inner, innerPath);
  });
}

/** Where a schema names properties, and takes others too. */
function listOpenObjects(schema: unknown, path: string): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties, additionalProperties } = schema as Values;
  const isOpen = isObject(properties) && "type" in schema && additionalProperties !== false;
  const inner = Object.entries(schema).flatMap(([key, value]) => listOpenObjects(value, `${path}/${key}`));
  return isOpen ? [path, ...inner] : inner;
}

function nest(path: string, value: unknown): Values {
  return path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Values;
}

function merge(a: Values, b: Values): Values {
  const both = Object.entries(b).map(([key, value]) => {
    const other = a[key];
    return [key, isObject(other) && isObject(value) ? merge(other, value) : value];
  });
  return { ...a, ...Object.fromEntries(both) };
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What stands above a value, as one line. */
function commentOf(document: Document.Parsed, path: readonly string[]): string {
  const parents = path.slice(0, -1);
  const map = (parents.length === 0 ? document.contents : document.getIn(parents, true)) as YAMLMap;
  const index = map.items.findIndex(({ key }) => String(key) === path.at(-1));
  const key = map.items[index]?.key as { readonly commentBefore?: string } | undefined;
  // The parser puts what stands above the first one to the map.
  const comment = key?.commentBefore ?? (index === 0 ? map.commentBefore : undefined);
  // Above an empty line stands what is about more than this one.
  const own = (comment ?? "").split(/\n\s*\n/).at(-1) ?? "";
  return own.replaceAll(/\s*\n\s*/g, " ").trim();
}
