/** Roles, guard and kustomization as they are written, against the code. What the API server says to them is in test/cluster. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { loadPolicies } from "../../src/policy/load.ts";
import { CANARY_ENTRY, POLICIES_ENTRY, POLICIES_LABEL } from "../../src/policy/policy.ts";
import { webhookName } from "../../src/registration/desired.ts";
import { rules } from "../../src/rules/index.ts";
import { ACCOUNTS, type Account } from "../support/accounts.ts";
import { describeGrant, GRANTS, grantsOf, rolesOf } from "../support/grants.ts";
import { readDocument, readDocuments } from "../support/installation.ts";
import { ROOT } from "./source-files.ts";

const BASE = join(ROOT, "manifests/base");
const POLICIES = join(ROOT, "manifests/policies");

describe("the rights", () => {
  it.each(Object.keys(ACCOUNTS) as Account[])(
    "of portcullis-%s are those that its code uses, and no others",
    (account) => {
      const granted = rolesOf(account).flatMap(grantsOf).map(describeGrant);
      expect(granted.toSorted()).toEqual(GRANTS[account].map(describeGrant).toSorted());
      expect(new Set(granted).size).toBe(granted.length);
      for (const { verb, resource, usedBy } of GRANTS[account]) {
        const source = readRootFile(usedBy);
        expect(source).toContain(`verb: "${verb}"`);
        expect(source).toContain(`"${resource}"`);
      }
    },
  );

  it.each(Object.entries(ACCOUNTS))("of portcullis-%s are bound to it alone", (account, file) => {
    const name = `portcullis-${account}`;
    const bindings = readDocuments(file).filter(({ kind }) => kind.endsWith("Binding"));
    expect(bindings).toHaveLength(rolesOf(account as Account).length);
    for (const { roleRef, subjects } of bindings) {
      expect(roleRef.name).toBe(name);
      expect(subjects).toEqual([{ kind: "ServiceAccount", name, namespace: "portcullis" }]);
    }
  });
});

describe("the guard", () => {
  const policies = readDocuments("guard.yaml").filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
  const bindings = readDocuments("guard.yaml").filter(({ kind }) => kind === "ValidatingAdmissionPolicyBinding");
  const variables = new Map<string, string>(
    policies[0].spec.variables.map(({ name, expression }: { name: string; expression: string }) => [name, expression]),
  );
  const wordsOf = (name: string) =>
    [...(variables.get(name) ?? "").matchAll(/'([^']*)'/g)].map(([, word = ""]) => word);

  it("is closed, and bound to everything", () => {
    expect(policies.map(({ spec }) => spec.failurePolicy)).toEqual(policies.map(() => "Fail"));
    expect(bindings.map(({ spec }) => spec)).toEqual(
      policies.map(({ metadata }) => ({ policyName: metadata.name, validationActions: ["Deny"] })),
    );
  });

  it("knows the resources of the rules", () => {
    const resourcesOf = (phase: "resources" | "mutates") =>
      rules.flatMap((rule) =>
        (rule[phase] ?? []).flatMap((row) => row.resources.map((plural) => `${row.group}/${plural}`)),
      );
    const [, both, judged] =
      /^(.*) \+ \(variables\.phase == 'mutate' \? \[\] : (.*)\)$/s.exec(variables.get("resources") ?? "") ?? [];
    const parseWords = (list = "") => [...list.matchAll(/'([^']*)'/g)].map(([, word]) => word);
    expect(parseWords(both).toSorted()).toEqual([...new Set(resourcesOf("mutates"))].toSorted());
    expect([...parseWords(both), ...parseWords(judged)].toSorted()).toEqual(
      [...new Set(resourcesOf("resources"))].toSorted(),
    );
  });

  it("knows the entries about our own namespace", () => {
    expect(wordsOf("ownEntries")).toEqual([
      webhookName("validate", CANARY_ENTRY),
      webhookName("validate", POLICIES_ENTRY),
    ]);
  });

  it("leaves out the namespaces that init and register leave out", () => {
    const listed = [
      readDocument("deployment.yaml").spec.template.spec.initContainers[0],
      readDocument("register-job.yaml").spec.template.spec.containers[0],
    ].map(({ env }) => env.find(({ name }: { name: string }) => name === "EXCLUDE_NAMESPACES").value);
    expect(listed[0]).toBe(listed[1]);
    expect(wordsOf("excluded")).toEqual([
      "kube-system",
      "kube-public",
      "kube-node-lease",
      "portcullis",
      ...listed[0].split(","),
    ]);
  });
});

describe("the kustomization", () => {
  it("has every file of the folder", () => {
    const { resources, configurations } = parse(readFileSync(join(BASE, "kustomization.yaml"), "utf8"));
    const files = [...resources, ...configurations, "kustomization.yaml"].filter(
      (path: string) => path !== "../policies",
    );
    expect(files.toSorted()).toEqual(readdirSync(BASE).toSorted());
  });

  it("has every policy of the folder", () => {
    const { configMapGenerator } = parse(readFileSync(join(POLICIES, "Kustomization"), "utf8"));
    const files = readdirSync(POLICIES).filter((file) => file.endsWith(".yaml"));
    expect(configMapGenerator[0].files.toSorted()).toEqual(files.toSorted());
  });

  it("marks the policies as ones to be checked when they are applied", () => {
    const { configMapGenerator } = parse(readFileSync(join(POLICIES, "Kustomization"), "utf8"));
    expect(configMapGenerator[0].options.labels).toEqual({ [POLICIES_LABEL]: "true" });
  });

  it("has a policy for every rule, those that are switched off in optional/", () => {
    const rulesIn = (directory: string) => loadPolicies(directory, rules).map(({ rule }) => rule.id);
    const [shipped, optional] = [rulesIn(POLICIES), rulesIn(join(POLICIES, "optional"))];
    expect([...shipped, ...optional].toSorted()).toEqual(rules.map(({ id }) => id));
    expect(optional.toSorted()).toEqual(["job-hygiene", "namespace-owner", "secret-env"]);
  });

  it("carries the version of the project", () => {
    const { configMapGenerator } = parse(readFileSync(join(BASE, "kustomization.yaml"), "utf8"));
    expect(configMapGenerator[0].literals).toEqual([`version=${JSON.parse(readRootFile("package.json")).version}`]);
  });
});

it("no manifest has a caBundle", () => {
  const files = readdirSync(join(ROOT, "manifests"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".yaml"),
  );
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) {
    const text = readRootFile(`manifests/${file}`);
    // Before Helm has rendered them, they are no YAML.
    if (file.startsWith("chart/templates/")) expect(text).not.toMatch(/^[\s-]*caBundle:/m);
    else for (const document of parseAllDocuments(text)) expect(hasKey(document.toJS(), "caBundle")).toBe(false);
  }
  expect(hasKey({ webhooks: [{ clientConfig: { caBundle: "" } }] }, "caBundle")).toBe(true);
});

function readRootFile(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

function hasKey(value: unknown, key: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, key) || Object.values(value).some((inner) => hasKey(inner, key));
}
