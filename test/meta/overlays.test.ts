/** The overlays as kustomize renders them: what each changes of base, and that it changes nothing else. */
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readInitConfig } from "../../src/config.ts";
import { compileFiles } from "../../src/policy/files.ts";
import { rules } from "../../src/rules/index.ts";
import { INIT_SETTINGS } from "../../src/settings.ts";
import {
  containersOf,
  describeKustomize,
  MANIFESTS,
  nameOf,
  OVERLAYS,
  type Rendered,
  templateOf,
  withoutHash,
} from "../support/kustomize.ts";
import { directoryOf } from "../support/policy-directory.ts";

type Objects = readonly Rendered[];

/** Makes of base's objects, which it may change, what the overlay should render. */
const CHANGES: Readonly<Record<string, (base: Objects) => Objects>> = {
  keeper(base) {
    Object.assign(initOf(base), {
      restartPolicy: "Always",
      ports: [{ name: "keeper", containerPort: 8081 }],
      startupProbe: { httpGet: { path: "/healthz", port: "keeper" }, periodSeconds: 1, failureThreshold: 150 },
    });
    addVariables(base, { CERT_RENEWAL: "keeper" });
    return base.filter(({ metadata }) => metadata.name !== "portcullis-rotate");
  },
  secret(base) {
    addVariables(base, { CERT_STORE: "secret", CERT_SECRET: "portcullis-certs" });
    const metadata = {
      name: "portcullis-certs",
      namespace: "portcullis",
      labels: { "app.kubernetes.io/name": "portcullis" },
    };
    const apiVersion = "rbac.authorization.k8s.io/v1";
    const rights = [
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["portcullis-certs"], verbs: ["get", "patch"] },
    ];
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "portcullis-certs" };
    const subjects = [{ kind: "ServiceAccount", name: "portcullis-init", namespace: "portcullis" }];
    return [
      ...base,
      { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque" },
      { apiVersion, kind: "Role", metadata, rules: rights },
      { apiVersion, kind: "RoleBinding", metadata, roleRef, subjects },
    ];
  },
  "audit-only": (base) => addEnforcement(base, "auditOnly"),
  "enforce-labelled": (base) => addEnforcement(base, "enforceLabelled"),
  "single-node"(base) {
    const { spec } = find(base, "Deployment portcullis");
    spec.replicas = 1;
    delete spec.template.spec.topologySpreadConstraints;
    return base.filter(({ kind }) => kind !== "PodDisruptionBudget");
  },
};

describeKustomize("the overlays", (render) => {
  const base = () => render(join(MANIFESTS, "base"));
  const overlay = (name: string) => render(join(MANIFESTS, "overlays", name));

  it("are those that are tested here, each with a component of its name", () => {
    expect(OVERLAYS.toSorted()).toEqual(Object.keys(CHANGES).toSorted());
    expect(readdirSync(join(MANIFESTS, "components")).toSorted()).toEqual(OVERLAYS.toSorted());
  });

  it.each(OVERLAYS)("%s changes what it is for, and nothing else", (name) => {
    const expected = CHANGES[name]?.(withoutHashes(base())) ?? [];
    const rendered = withoutHashes(overlay(name));
    expect(byName(rendered)).toEqual(byName(expected));
    expect(rendered).toHaveLength(expected.length);
    expect(byName(rendered)).not.toEqual(byName(withoutHashes(base())));
  });

  it("can be combined, as manifests/README.md does, and each changes the same as alone", () => {
    const [, example = ""] =
      /```yaml\n([^`]*\ncomponents:\n[^`]*)```/.exec(readFileSync(join(MANIFESTS, "README.md"), "utf8")) ?? [];
    const directory = directoryOf({ "kustomization.yaml": example });
    for (const part of ["base", "policies", "components"]) {
      cpSync(join(MANIFESTS, part), join(directory, "portcullis/manifests", part), { recursive: true });
    }
    const { components, images } = parse(example);
    const names: readonly string[] = components.map((path: string) => basename(path));
    expect(names.length).toBeGreaterThan(1);
    const expected = names.reduce((objects, name) => CHANGES[name]?.(objects) ?? [], withoutHashes(base()));
    for (const container of expected.flatMap((object) => templateOf(object) ?? []).flatMap(containersOf)) {
      container.image = `${images[0].newName}:${images[0].newTag}`;
    }
    expect(byName(withoutHashes(render(directory)))).toEqual(byName(expected));
  });

  describe("policies", () => {
    const nameOfPolicies = (kind: string, objects: Objects) =>
      objects.find((object) => nameOf(object) === `${kind} portcullis-policies-HASH`)?.metadata.name;

    it("of another mode are another ConfigMap, another register Job, and other Pods", () => {
      const renderings = [base(), overlay("audit-only"), overlay("enforce-labelled")];
      for (const objects of renderings) {
        const name = nameOfPolicies("ConfigMap", objects);
        expect(nameOfPolicies("Job", objects)).toBe(name);
        const templates = objects.map(templateOf).filter((template) => template !== undefined);
        const mounted = templates.flatMap(({ spec }) =>
          spec.volumes.flatMap(({ configMap }: Rendered) => configMap ?? []),
        );
        expect(mounted).toEqual([{ name }, { name }]);
      }
      const names = renderings.map((objects) => nameOfPolicies("ConfigMap", objects));
      expect(new Set(names).size).toBe(3);
    });

    it.each(["keeper", "secret", "single-node"])("are those of base under %s, so that no Job is made again", (name) => {
      expect(nameOfPolicies("Job", overlay(name))).toBe(nameOfPolicies("Job", base()));
    });

    const policiesOf = (objects: Objects) => {
      const { data } = find(withoutHashes(objects), "ConfigMap portcullis-policies-HASH");
      const files = Object.entries<string>(data).filter(([file]) => file.endsWith(".yaml"));
      const { policies, problems } = compileFiles(new Map(files), rules);
      expect(problems).toEqual([]);
      return policies;
    };
    const refusing = (objects: Objects) =>
      policiesOf(objects).filter(({ validationActions }) => validationActions.includes("Deny"));

    it("refuse something in base, and nothing under audit-only", () => {
      expect(refusing(base()).length).toBeGreaterThan(0);
      expect(refusing(overlay("audit-only"))).toEqual([]);
      expect(policiesOf(overlay("audit-only")).map(({ failurePolicy }) => failurePolicy)).not.toContain("Fail");
    });

    it("refuse the same under enforce-labelled, where the label is", () => {
      const labelled = refusing(overlay("enforce-labelled"));
      expect(labelled.map(({ name }) => name)).toEqual(refusing(base()).map(({ name }) => name));
      for (const { namespaceSelector } of labelled) {
        expect(namespaceSelector?.matchExpressions).toContainEqual({
          key: "portcullis.dev/enforce",
          operator: "In",
          values: ["true"],
        });
      }
    });
  });

  describe("init", () => {
    const configOf = (name: string) => {
      const variables = initOf(overlay(name)).env.map((variable: Rendered) => [
        variable.name,
        variable.value ?? "a-field",
      ]);
      return readInitConfig(Object.fromEntries(variables));
    };

    it("of keeper renews, and is waited for as long as it tries itself", () => {
      expect(configOf("keeper")).toMatchObject({ certRenewal: "keeper", certStore: "emptydir" });
      const { ports, startupProbe } = initOf(overlay("keeper"));
      expect(ports[0].containerPort).toBe(INIT_SETTINGS.properties.KEEPER_PORT.default);
      const patienceSeconds = startupProbe.periodSeconds * startupProbe.failureThreshold;
      expect(patienceSeconds).toBeGreaterThan(INIT_SETTINGS.properties.INIT_DEADLINE_SECONDS.default);
    });

    it("of secret uses the Secret that is there", () => {
      const secret = find(overlay("secret"), "Secret portcullis-certs");
      expect(configOf("secret")).toMatchObject({ certStore: "secret", certSecret: secret.metadata.name });
      expect(secret).not.toHaveProperty("data");
      expect(secret).not.toHaveProperty("stringData");
    });
  });
});

function withoutHashes(objects: Objects): Objects {
  return JSON.parse(withoutHash(JSON.stringify(objects)));
}

function byName(objects: Objects): Readonly<Record<string, Rendered>> {
  return Object.fromEntries(objects.map((object) => [nameOf(object), object]));
}

function find(objects: Objects, name: string): Rendered {
  const found = objects.find((object) => nameOf(object) === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
}

function initOf(objects: Objects): Rendered {
  return find(objects, "Deployment portcullis").spec.template.spec.initContainers[0];
}

function addVariables(objects: Objects, variables: Readonly<Record<string, string>>): void {
  const init = initOf(objects);
  // Patched in front, which means nothing: no variable refers to another.
  init.env = [...Object.entries(variables).map(([name, value]) => ({ name, value })), ...init.env];
}

function addEnforcement(objects: Objects, mode: string): Objects {
  const { data } = find(objects, "ConfigMap portcullis-policies-HASH");
  data["enforcement.yaml"] =
    `apiVersion: portcullis.dev/v1alpha1\nkind: Enforcement\nmetadata: { name: portcullis }\nspec: { mode: ${mode} }\n`;
  return objects;
}
