/** The chart as Helm renders it, against what kustomize renders. What the API server says to it is in test/cluster. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { CHART, describeChart, KUBE_VERSION, type Values } from "../support/chart.ts";
import { MANIFESTS, type Rendered, templateOf } from "../support/kustomize.ts";
import { PATCHED_POD, VALUES } from "./pages/caller-authentication.ts";

const VERSION = "0.1.0";

/** Values, and the components of manifests/components that stand for them. */
const SAME: readonly (readonly [components: readonly string[], values: Values])[] = [
  [["keeper"], {}],
  [[], { certificates: { renewal: "restart" } }],
  [["secret"], { certificates: { renewal: "restart", store: "secret" } }],
  [["keeper", "secret"], { certificates: { store: "secret" } }],
  [["keeper", "audit-only"], { mode: "auditOnly" }],
  [["keeper", "enforce-labelled"], { mode: "enforceLabelled" }],
  [["keeper", "single-node"], { replicaCount: 1, topologySpreadConstraints: [] }],
];

/** On every object of the chart, and on no Pod. */
const HELM_LABELS = {
  "app.kubernetes.io/instance": "portcullis",
  "app.kubernetes.io/managed-by": "Helm",
  "app.kubernetes.io/version": VERSION,
  "helm.sh/chart": `portcullis-${VERSION}`,
};

describeChart("the chart", (helm, render) => {
  // Where the system's directory for temporary files is a link, a relative path leads elsewhere.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "portcullis-chart-")));
  afterAll(() => rmSync(directory, { recursive: true }));

  /** With the image that the chart names: base has no tag, for kustomize to set. */
  const kustomize = (components: readonly string[]) => {
    const pathOf = (...parts: string[]) => relative(directory, join(MANIFESTS, ...parts));
    const kustomization = {
      resources: [pathOf("base")],
      components: components.map((name) => pathOf("components", name)),
      images: [{ name: "portcullis", newTag: VERSION }],
    };
    writeFileSync(join(directory, "kustomization.yaml"), stringify(kustomization));
    return render(directory);
  };

  describe.each(SAME)("with the components %j of kustomize", (components, values) => {
    it("has the same objects, in all fields", () => {
      const expected = kustomize(components)
        .filter(({ kind }) => kind !== "Namespace")
        .map(withoutKustomize);
      const rendered = helm.template(values).filter((object) => hookOf(object) === undefined);
      expect(byName(rendered.map(withoutHelm))).toEqual(byName(expected));
      expect(rendered).toHaveLength(expected.length);
    });
  });

  it("gives the server by the values of docs/caller-authentication.md what the page's kustomization does", () => {
    const [{ env, volumeMounts }] = PATCHED_POD.containers;
    const { containers, volumes } = templateOf(find(helm.template(VALUES), "Deployment portcullis")).spec;
    expect(containers[0].env).toEqual(expect.arrayContaining(env));
    expect(containers[0].volumeMounts).toEqual(expect.arrayContaining(volumeMounts));
    expect(volumes).toEqual(expect.arrayContaining(PATCHED_POD.volumes));
  });

  it("has two hooks, with the Pods of objects that are compared above", () => {
    const objects = helm.template();
    const hooks = objects.filter((object) => hookOf(object) !== undefined);
    expect(hooks.map((hook) => [hookOf(hook), `${hook.kind} ${hook.metadata.name}`])).toEqual([
      ["test", "Pod portcullis-canary"],
      ["pre-delete", "Job portcullis-cleanup"],
    ]);
    const [canary, cleanup] = hooks;
    expect(cleanup.metadata.annotations["helm.sh/hook-delete-policy"]).toBe("before-hook-creation,hook-succeeded");
    expect(templateOf(cleanup)).toEqual(templateOf(find(objects, "CronJob portcullis-cleanup")));
    const register = templateOf(objects.find(({ kind, spec }) => kind === "Job" && spec.backoffLimit === 6));
    const [container] = canary.spec.containers;
    expect(container.env.pop()).toEqual({ name: "REGISTER_DEADLINE_SECONDS", value: "60" });
    expect({ labels: canary.metadata.labels, spec: canary.spec }).toEqual({
      labels: register.metadata.labels,
      spec: register.spec,
    });
  });

  it("says in the Pod template what policies it has, so that others are a rollout and another Job", () => {
    const namesOf = (values: Values) => {
      const objects = helm.template(values);
      const nameOf = (kind: string) =>
        objects.find((object) => object.kind === kind && object.metadata.name.includes("-policies-"))?.metadata.name;
      const mounted = JSON.stringify(templateOf(find(objects, "Deployment portcullis")));
      expect(mounted).toContain(`"configMap":{"name":"${nameOf("ConfigMap")}"}`);
      return [nameOf("ConfigMap"), nameOf("Job")];
    };
    const [configMap, job] = namesOf({});
    expect(namesOf({ replicaCount: 3 })).toEqual([configMap, job]);
    const [sameConfigMap, otherJob] = namesOf({ image: { tag: "9.9.9" } });
    expect(sameConfigMap).toBe(configMap);
    expect(otherJob).not.toBe(job);
    for (const policies of [{ shipped: { "velero-backup": false } }, { files: { "own.yaml": "# nothing yet\n" } }]) {
      const others = namesOf({ policies });
      expect(others[0]).not.toBe(configMap);
      expect(others[1]).not.toBe(job);
    }
  });

  it("goes into a package with the contents of its links, and renders the same from there", () => {
    const packed = helm.run(["package", CHART, "--destination", directory]);
    expect(packed).toMatchObject({ status: 0 });
    const archive = join(directory, `portcullis-${VERSION}.tgz`);
    const { stdout } = helm.run(["template", "portcullis", archive, ...KUBE_VERSION]);
    expect(stdout).toBe(helm.run(["template", "portcullis", CHART, ...KUBE_VERSION]).stdout);
    expect(stdout).toContain("ValidatingAdmissionPolicy");
  });

  it("passes helm lint --strict", () => {
    expect(helm.run(["lint", "--strict", CHART, ...KUBE_VERSION])).toMatchObject({ status: 0 });
  });
});

function hookOf({ metadata }: Rendered): string | undefined {
  return metadata.annotations?.["helm.sh/hook"];
}

function find(objects: readonly Rendered[], name: string): Rendered {
  return objects.find(({ kind, metadata }) => `${kind} ${metadata.name}` === name);
}

/** kustomize doesn't know that these have no namespace, and the API server drops it. */
function withoutKustomize(object: Rendered): Rendered {
  if (!object.kind.startsWith("ValidatingAdmissionPolicy")) return object;
  const { namespace, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Takes away what the README's "Differences" has, and nothing else; throws where it isn't there. */
function withoutHelm(object: Rendered): Rendered {
  const { metadata, ...rest } = structuredClone(object);
  for (const [label, value] of Object.entries(HELM_LABELS)) {
    expect(metadata.labels[label], `${object.kind} ${metadata.name}: ${label}`).toBe(value);
    delete metadata.labels[label];
  }
  if (object.kind === "ConfigMap") {
    expect(metadata.annotations).toEqual({ "argocd.argoproj.io/sync-options": "PruneLast=true" });
    delete metadata.annotations;
  }
  return { metadata, ...rest };
}

/** Hashes are other ones, and the order of variables says nothing. */
function byName(objects: readonly Rendered[]): Readonly<Record<string, Rendered>> {
  const text = JSON.stringify(objects, (key, value) =>
    key === "env" ? value.toSorted((a: Rendered, b: Rendered) => (a.name < b.name ? -1 : 1)) : value,
  );
  const comparable: readonly Rendered[] = JSON.parse(
    text.replace(/"(portcullis-policies)-[0-9a-z]{10}"/g, '"$1-HASH"'),
  );
  return Object.fromEntries(comparable.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
}
