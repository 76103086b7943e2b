/** What is read, and what is said when it can't be used: about one field, see policy-problems.test.ts. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { PortcullisError } from "../../src/errors.ts";
import { loadPolicies } from "../../src/policy/load.ts";
import { rules } from "../../src/rules/index.ts";
import { ruleThatFinds } from "../support/policies.ts";
import { directoryOf } from "../support/policy-directory.ts";

const RULES = [ruleThatFinds()];
const SHIPPED = fileURLToPath(new URL("../../manifests/policies", import.meta.url));

function policyText(name: string): string {
  return `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata:
  name: ${name}
spec:
  rule: made-up
`;
}

function namesIn(directory: string): readonly string[] {
  return loadPolicies(directory, RULES).map((policy) => policy.name);
}

/** The message, with `DIR` in place of the directory. */
function failureIn(directory: string): string {
  try {
    loadPolicies(directory, RULES);
  } catch (error) {
    expect(error).toBeInstanceOf(PortcullisError);
    expect(error).toMatchObject({ code: "POLICIES" });
    return (error as Error).message.replaceAll(directory, "DIR");
  }
  throw new Error("the policies were loaded");
}

describe("a directory of policies", () => {
  it("is every document of every *.yaml, in the order of the file names", () => {
    const directory = directoryOf({
      "b.yaml": policyText("third"),
      "a.yaml": `# a comment\n---\n${policyText("first")}---\n${policyText("second")}---\n`,
      Kustomization: "kind: Kustomization",
      "README.md": "not a policy",
      "a.json": "{}",
      ".a.yaml.swp": "half a policy",
      ".a.yaml": "half a policy",
    });
    expect(namesIn(directory)).toEqual(["first", "second", "third"]);
  });

  it("may be a mounted ConfigMap, whose own links are no policies", () => {
    const directory = directoryOf({});
    mkdirSync(join(directory, "..2026_11_21"));
    writeFileSync(join(directory, "..2026_11_21", "a.yaml"), policyText("mounted"));
    symlinkSync("..2026_11_21", join(directory, "..data"));
    symlinkSync("..data/a.yaml", join(directory, "a.yaml"));
    expect(namesIn(directory)).toEqual(["mounted"]);
  });

  it("may hold a file without a document beside others", () => {
    expect(namesIn(directoryOf({ "a.yaml": policyText("a"), "b.yaml": "# nothing yet\n" }))).toEqual(["a"]);
  });

  it("gives policies that nobody can change", () => {
    const policies = loadPolicies(directoryOf({ "a.yaml": policyText("a") }), RULES);
    expect(Object.isFrozen(policies)).toBe(true);
    expect(Object.isFrozen(policies[0])).toBe(true);
  });

  it("is the shipped one, in the order of the names", () => {
    const policies = loadPolicies(SHIPPED, rules);
    expect(policies.map(({ name, rule, validationActions }) => [name, rule.id, validationActions])).toEqual([
      ["claims-are-backed-up", "velero-backup", ["Deny"]],
      ["ingresses-agree-with-their-bucket", "ingress-bucket", ["Deny"]],
      ["workloads-carry-an-app-label", "required-labels", ["Deny"]],
    ]);
  });
});

describe("a directory that can't be used", () => {
  it("is one that isn't there", () => {
    expect(failureIn("/nowhere/at/all")).toBe("DIR can't be read: ENOENT");
  });

  it.each<[string, Record<string, string>]>([
    ["is empty", {}],
    ["holds no *.yaml", { Kustomization: "kind: Kustomization" }],
    ["holds no document", { "a.yaml": "# nothing\n---\n---\n" }],
  ])("%s", (_name, files) => {
    expect(failureIn(directoryOf(files))).toBe("DIR holds no policy: no *.yaml file with a Policy in it");
  });

  it("has a file in .yml, which would be overlooked", () => {
    expect(failureIn(directoryOf({ "a.yaml": policyText("a"), "b.yml": policyText("b") }))).toBe(
      "a problem\n  DIR/b.yml:1:1: policy files end in .yaml; rename it or it would be overlooked",
    );
  });

  it("has two policies of one name, and says where both are", () => {
    const directory = directoryOf({ "a.yaml": policyText("same"), "b.yaml": policyText("same") });
    expect(failureIn(directory)).toBe(
      'a problem\n  DIR/b.yaml:4:9: "same" is the name of a policy in a.yaml:4:9 too; names must differ',
    );
  });

  it("F-85: is told all problems of all files at once, each with its place", () => {
    const directory = directoryOf({
      "a.yaml": policyText("Bad_Name"),
      "b.yaml": "spec: {\n",
      "c.yaml": policyText("good"),
      "d.yaml": `${policyText("d")}  rule: made-up\n`,
      "e.yaml": `${policyText("e")}  failurePolicy: Maybe\n  promoteWarnings: 5\n`,
    });
    const [count, ...problems] = failureIn(directory).split("\n");
    expect(count).toBe("5 problems");
    expect(problems.map((problem) => problem.trim().split(": ")[0])).toEqual([
      "DIR/b.yaml:2:1",
      "DIR/d.yaml:7:3",
      "DIR/a.yaml:4:9",
      "DIR/e.yaml:7:18",
      "DIR/e.yaml:8:20",
    ]);
  });
});

describe("YAML that a policy can't be", () => {
  it.each<[string, string, RegExp]>([
    ["is cut short", "spec: [1, 2", /^a problem\n {2}DIR\/a.yaml:1:12: /],
    ["names a key twice", "kind: Policy\nkind: Policy\n", /^a problem\n {2}DIR\/a.yaml:2:1: Map keys must be unique/],
    ["uses an alias of nothing", "kind: *nothing\n", /^a problem\n {2}DIR\/a.yaml:1:1: Unresolved alias/],
    ["has a tag that nobody knows", "kind: !js/function 'x'\n", /DIR\/a.yaml:1:7: Unresolved tag/],
    ["is text", "just text\n", /^a problem\n {2}DIR\/a.yaml:1:1: must be of type object, not "just text"$/],
    ["is a list", "- kind: Policy\n", /^a problem\n {2}DIR\/a.yaml:1:1: must be of type object/],
  ])("%s", (_name, text, expected) => {
    expect(failureIn(directoryOf({ "a.yaml": text }))).toMatch(expected);
  });

  it("grows without end by its aliases", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 12; level++) {
      const aliases = Array(10)
        .fill(`*a${level - 1}`)
        .join(", ");
      lines.push(`a${level}: &a${level} [${aliases}]`);
    }
    expect(failureIn(directoryOf({ "a.yaml": lines.join("\n") }))).toMatch(
      /^a problem\n {2}DIR\/a.yaml:12:12: there are more than 100 aliases/,
    );
  });

  it("takes words for booleans that YAML 1.2 doesn't: they are text", () => {
    const text = policyText("a").replace("name: a", "name: no");
    expect(namesIn(directoryOf({ "a.yaml": text }))).toEqual(["no"]);
  });
});
