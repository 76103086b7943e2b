/** What the rule promises of any object and any labels, beyond the cases. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyPatches } from "../../src/kube/json-patch.ts";
import { compileLinearRegex } from "../../src/kube/linear-regex.ts";
import type { KubernetesObject, StringMap } from "../../src/kube/objects.ts";
import type { LabelChoice, Params } from "../../src/rules/required-labels/params.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import { InvalidParams, type JudgedOperation, type Verdict, type Violation } from "../../src/rules/rule.ts";
import { compileCel } from "../support/evaluate-cel.ts";

const RESOURCES = requiredLabels.resources.flatMap(({ group, resources }) =>
  resources.map((resource) => (group === "" ? resource : `${resource}.${group}`)),
);
const WHERE: readonly LabelChoice["where"][] = ["metadata", "template", "both"];
const PROTOTYPE_KEYS = ["constructor", "__proto__", "toString", "hasOwnProperty"];
const CODES = new Set(requiredLabels.codes.map(({ code }) => code));

const labelKey = fc.constantFrom("app", "App", "ap", "team", "example.org/owner", ...PROTOTYPE_KEYS);
const labelMap = fc.dictionary(fc.oneof(labelKey, fc.string()), fc.oneof(fc.constantFrom("", "blog"), fc.string()));
const anyLabels = fc.oneof(labelMap, fc.constant(null), fc.constant(undefined));
const template = fc.record({
  metadata: fc.oneof(fc.record({ labels: fc.oneof(labelMap, fc.jsonValue()) }), fc.jsonValue()),
});
const spec = fc.oneof(
  fc.jsonValue(),
  fc.record({ template }),
  fc.record({ jobTemplate: fc.oneof(fc.jsonValue(), template, fc.record({ spec: fc.record({ template }) })) }),
);
const anyObject: fc.Arbitrary<KubernetesObject> = fc
  .record({ labels: anyLabels, ownerReferences: fc.jsonValue(), spec })
  .map(({ labels, ownerReferences, spec }) => ({ metadata: { labels, ownerReferences }, spec }) as KubernetesObject);
const anyParams: fc.Arbitrary<Params> = fc.record({
  labels: fc.array(
    fc.record({
      anyOf: fc.uniqueArray(labelKey, { minLength: 1 }),
      where: fc.constantFrom(...WHERE),
      allowEmpty: fc.boolean(),
      allowedRegex: fc.constantFrom("[a-z]+", "^a|b$", ".*"),
    }),
    { minLength: 1 },
  ) as fc.Arbitrary<Params["labels"]>,
  forbiddenPrefixes: fc.array(fc.constantFrom("example.org/", "_", "App")),
  privilegedUsers: fc.array(fc.constantFrom("alice", "bob")),
});
/** Of these a policy can be made of any, and its prefilter says something more often than not. */
const anyDefaults: fc.Arbitrary<Params> = fc.record({
  labels: fc.array(
    fc.record({
      anyOf: fc.uniqueArray(labelKey, { minLength: 1, maxLength: 3 }),
      where: fc.constantFrom<LabelChoice["where"]>("metadata", "metadata", "metadata", "both"),
      allowEmpty: fc.boolean(),
      allowedRegex: fc.constantFrom(undefined, undefined, undefined, "[a-z]+"),
      default: fc.constantFrom(undefined, "blog", "unassigned"),
    }),
    { minLength: 1, maxLength: 3 },
  ) as fc.Arbitrary<Params["labels"]>,
  forbiddenPrefixes: fc.constantFrom([], [], ["example.org/"]),
  privilegedUsers: fc.constant([]),
});
/** As an API server holds it: labels are strings, and a map without any is left out. */
const storedLabels = fc
  .dictionary(labelKey, fc.constantFrom("", "blog", "BLOG"), { noNullPrototype: true })
  .map((labels) => (Object.keys(labels).length === 0 ? {} : { labels }));
const storedTemplate = fc.oneof(
  fc.record({ metadata: storedLabels, spec: fc.constant({}) }),
  fc.constant({ spec: {} }),
);
const storedObject: fc.Arbitrary<KubernetesObject> = fc.record(
  {
    metadata: storedLabels,
    spec: fc.oneof(
      fc.constant({}),
      fc.record({ template: storedTemplate }),
      fc.record({ jobTemplate: fc.record({ metadata: storedLabels, spec: fc.record({ template: storedTemplate }) }) }),
    ),
  },
  { requiredKeys: ["metadata"] },
);

function judge(
  params: Params,
  object: KubernetesObject,
  {
    resource = "services",
    operation = "CREATE",
    oldObject,
    trustedController = false,
    mutate = false,
  }: {
    resource?: string;
    operation?: JudgedOperation;
    oldObject?: KubernetesObject;
    trustedController?: boolean;
    mutate?: boolean;
  } = {},
): Verdict {
  return requiredLabels.evaluate({
    operation,
    object,
    ...(oldObject === undefined ? {} : { oldObject }),
    request: { resource, kind: "", namespace: "application", username: "alice", trustedController },
    now: new Date(0),
    params: requiredLabels.compile?.(params) ?? expect.unreachable(),
    mutate,
  });
}

function requireApp(label: Partial<Params["labels"][number]> = {}): Params {
  const choice = { anyOf: ["app"], where: "metadata" as const, allowEmpty: false, ...label };
  return { labels: [choice], forbiddenPrefixes: [], privilegedUsers: [] };
}

function labelled(labels: StringMap): KubernetesObject {
  return { metadata: { labels } };
}

describe("required-labels, for any object", () => {
  it("answers, in the terms of its table of codes", () => {
    fc.assert(
      fc.property(
        anyParams,
        anyObject,
        fc.option(anyObject, { nil: undefined }),
        fc.constantFrom(...RESOURCES, "configmaps", "constructor"),
        fc.boolean(),
        (params, object, oldObject, resource, trustedController) => {
          const context = {
            resource,
            trustedController,
            ...(oldObject ? { operation: "UPDATE" as const, oldObject } : {}),
          };
          for (const { code, path, message, fix } of judge(params, object, context).violations) {
            expect(CODES).toContain(code);
            expect(path).toMatch(/^\/(metadata|spec)\/.*labels/);
            expect(`${message}${fix}`).not.toMatch(/\p{Cc}/u);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("answers the same whatever the order of the keys", () => {
    fc.assert(
      fc.property(
        anyParams,
        labelMap,
        labelMap,
        fc.constantFrom(...RESOURCES),
        (params, labels, inTemplate, resource) => {
          const build = (order: (map: StringMap) => StringMap) => ({
            metadata: { labels: order(labels) },
            spec: { template: { metadata: { labels: order(inTemplate) } } },
          });
          expect(judge(params, build(reverseKeys), { resource })).toEqual(
            judge(
              params,
              build((map) => map),
              { resource },
            ),
          );
        },
      ),
    );
  });

  it("finds a label named like a member of every object only when the map itself has it", () => {
    for (const key of PROTOTYPE_KEYS) {
      const params = requireApp({ anyOf: [key] });
      expect(judge(params, labelled({})).violations.map(({ code }) => code)).toEqual(["LBL-MISSING"]);
      expect(judge(params, labelled(JSON.parse(`{ "${key}": "blog" }`))).violations).toEqual([]);
    }
  });

  it("takes away a violation when its suggestion is followed", () => {
    fc.assert(
      fc.property(labelMap, labelMap, (labels, inTemplate) => {
        const spec = { template: { metadata: { labels: inTemplate } } };
        const context = { resource: "deployments.apps" };
        const [violation] = judge(requireApp(), { metadata: { labels }, spec }, context).violations;
        const value = /^add "app: '?([^'"<]+)'?" under metadata\.labels$/.exec(violation?.fix ?? "")?.[1];
        fc.pre(value !== undefined);
        const repaired = { metadata: { labels: { ...labels, app: value ?? "" } }, spec };
        expect(
          judge(requireApp(), repaired, context).violations.filter(({ severity }) => severity === "error"),
        ).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});

describe("defaults", () => {
  const isMissing = ({ code }: Violation) => code === "LBL-MISSING";

  it("F-73: leave nothing missing that has one, and nothing to add the second time", () => {
    fc.assert(
      fc.property(anyDefaults, anyObject, fc.constantFrom(...RESOURCES), (params, object, resource) => {
        const first = judge(params, object, { resource, mutate: true });
        const patched = applyPatches(object, first.patches);
        expect(judge(params, patched, { resource, mutate: true })).toEqual({ ...first, patches: [] });
        expect(judge(params, patched, { resource, mutate: false }).violations).toEqual(first.violations);

        const own: object = patched.metadata?.labels ?? {};
        const keysWithDefault = params.labels.filter((label) => label.default !== undefined).map(({ anyOf }) => anyOf);
        const missing = first.violations.filter(isMissing).map(({ subject }) => subject);
        // An empty value that is there stays, and is what the violation is about.
        for (const keys of keysWithDefault) {
          if (!Object.hasOwn(own, keys[0] ?? "")) expect(missing).not.toContain(keys.join(","));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("change no label that is there, and add none but first keys and what a Job inherits", () => {
    fc.assert(
      fc.property(anyDefaults, anyObject, fc.constantFrom(...RESOURCES), (params, object, resource) => {
        const patched = applyPatches(object, judge(params, object, { resource, mutate: true }).patches);
        expect({ ...patched, metadata: { ...patched.metadata, labels: null } }).toEqual({
          ...object,
          metadata: { ...object.metadata, labels: null },
        });
        const before = object.metadata?.labels ?? {};
        const after = patched.metadata?.labels ?? {};
        expect(after).toMatchObject(before);
        if (resource === "jobs.batch") return;
        const firstKeys = params.labels.filter((label) => label.default !== undefined).map(({ anyOf: [key] }) => key);
        const added = Object.keys(after).filter((key) => !Object.hasOwn(before, key));
        expect(firstKeys).toEqual(expect.arrayContaining(added));
      }),
      { numRuns: 500 },
    );
  });

  it("are for CREATE, for policies that may patch, and for objects with metadata", () => {
    const params = requireApp({ default: "blog" });
    const object = labelled({ tier: "web" });
    expect(judge(params, object, { mutate: true }).patches).toHaveLength(1);
    for (const [bare, context] of [
      [object, { mutate: false }],
      [object, { mutate: true, operation: "UPDATE", oldObject: object }],
      // The ratchet's look at the old object.
      [object, { mutate: true, operation: "UPDATE" }],
      [object, { mutate: true, resource: "replicasets.apps" }],
      [{ kind: "Service" }, { mutate: true }],
    ] as const) {
      const { patches, violations } = judge(params, bare, context);
      expect(patches).toEqual([]);
      expect(violations.map(({ code }) => code)).toEqual(context.resource === undefined ? ["LBL-MISSING"] : []);
    }
  });

  it("come with those labels of a Job's template that a patch can set", () => {
    const template = { metadata: { labels: { tier: "batch", "": "empty", count: 1 } } };
    const job: KubernetesObject = { metadata: { labels: {} }, spec: { template } };
    const context = { resource: "jobs.batch", mutate: true };
    const { patches } = judge(requireApp({ default: "blog" }), job, context);
    expect(applyPatches(job, patches).metadata?.labels).toEqual({ tier: "batch", app: "blog" });
  });

  it("are all that a policy patches", () => {
    const mutatesWith = (params: Params) =>
      requiredLabels.mutatesWith?.(requiredLabels.compile?.(params) ?? expect.unreachable());
    expect(mutatesWith(requireApp())).toBe(false);
    expect(mutatesWith(requireApp({ default: "blog" }))).toBe(true);
    expect(requiredLabels.mutates?.map(({ operations }) => operations)).toEqual(
      requiredLabels.resources.map(() => ["CREATE"]),
    );
  });

  it.each<[string, Partial<Params["labels"][number]>, string]>([
    ["on a template", { where: "template", default: "blog" }, "nothing is added to templates"],
    ["that is no label value", { default: "-blog" }, "not a label value"],
    ["of 64 characters", { default: "a".repeat(64) }, "not a label value"],
    [
      "that its own pattern refuses",
      { default: "blog1", allowedRegex: "[a-z]+" },
      "does not match allowedRegex [a-z]+",
    ],
  ])("one %s is refused when the policy loads", (_name, label, message) => {
    const problem = { pointer: "/labels/0/default", message: expect.stringContaining(message) };
    expect(problemsOf(requireApp(label))).toEqual([problem]);
  });

  it.each<[string, Partial<Params["labels"][number]>]>([
    ["for object and template", { where: "both", default: "blog" }],
    ["of 63 characters", { default: "a".repeat(63) }],
    ["that its own pattern matches", { default: "blog", allowedRegex: "[a-z]+" }],
  ])("one %s is taken", (_name, label) => {
    expect(problemsOf(requireApp(label))).toEqual([]);
  });
});

describe("prefilter", () => {
  const compiled = (params: Params) => requiredLabels.compile?.(params) ?? expect.unreachable();
  const prefilter = (phase: "mutate" | "validate", params: Params, resource = "deployments.apps") =>
    requiredLabels.prefilter?.({ phase, resource, params: compiled(params), mutate: true });

  it("leaves out only objects on which there is no verdict, and fails on none", () => {
    let leftOut = 0;
    fc.assert(
      fc.property(
        anyDefaults,
        storedObject,
        fc.option(storedObject, { nil: undefined }),
        fc.constantFrom(...RESOURCES),
        fc.boolean(),
        (params, object, oldObject, resource, trustedController) => {
          const context = { resource, trustedController, mutate: true };
          const update = oldObject === undefined ? {} : { operation: "UPDATE" as const, oldObject };
          const validated = prefilter("validate", params, resource);
          if (validated !== undefined && !compileCel(validated)(object)) {
            leftOut++;
            expect(judge(params, object, { ...context, ...update }).violations).toEqual([]);
          }
          const mutated = prefilter("mutate", params, resource);
          if (mutated !== undefined && !compileCel(mutated)(object)) {
            leftOut++;
            expect(judge(params, object, context).patches).toEqual([]);
          }
        },
      ),
      { numRuns: 2000 },
    );
    expect(leftOut).toBeGreaterThan(100);
  });

  it.each<[string, KubernetesObject, boolean]>([
    ["the label", labelled({ app: "blog" }), false],
    ["the label on object and Pods", withTemplate({ app: "blog" }, { app: "blog" }), false],
    ["another value on the Pods", withTemplate({ app: "blog" }, { app: "web" }), true],
    ["an empty value", labelled({ app: "" }), true],
    ["another label", labelled({ tier: "web" }), true],
    ["no labels", { metadata: {} }, true],
  ])("sends or leaves out an object with %s", (_name, object, isSent) => {
    const expression = prefilter("validate", requireApp());
    if (expression === undefined) return expect.unreachable();
    expect(compileCel(expression)(object)).toBe(isSent);
  });

  it.each<[string, StringMap, boolean]>([
    ["without any", { tier: "web" }, true],
    ["with an empty second", { team: "" }, true],
    ["with the first", { app: "blog" }, false],
    ["with an empty first", { app: "" }, false],
    ["with the second", { team: "web" }, false],
  ])("sends for its default, or leaves out, an object %s", (_name, labels, isSent) => {
    const expression = prefilter("mutate", requireApp({ anyOf: ["app", "team"], default: "blog" }));
    if (expression === undefined) return expect.unreachable();
    expect(compileCel(expression)(labelled(labels))).toBe(isSent);
  });

  it("sends everything where an expression could not tell", () => {
    expect(prefilter("validate", requireApp({ where: "both" }))).toBeUndefined();
    expect(prefilter("validate", requireApp({ allowedRegex: "[a-z]+" }))).toBeUndefined();
    expect(prefilter("validate", { ...requireApp(), forbiddenPrefixes: ["example.org/"] })).toBeUndefined();
    expect(prefilter("mutate", requireApp())).toBeUndefined();
  });

  it("mentions no template where there is none", () => {
    expect(prefilter("validate", requireApp(), "services")).not.toContain("spec");
    expect(prefilter("validate", requireApp(), "cronjobs.batch")).toContain(
      "object.?spec.?jobTemplate.?spec.?template",
    );
  });
});

describe("allowedRegex", () => {
  const accepts = (allowedRegex: string, value: string) =>
    judge(requireApp({ allowedRegex }), labelled({ app: value })).violations.length === 0;

  it("matches whole values only, whatever anchors and parentheses it has", () => {
    for (const pattern of ["^a|b$", "a|b", "(a)|(b)", "^(?:a|b)"]) {
      expect(accepts(pattern, "b"), pattern).toBe(true);
      for (const value of ["xb", "ax", "ab", "b\n", "a\nb"]) expect(accepts(pattern, value), pattern).toBe(false);
    }
  });

  it("agrees with an anchored RegExp", () => {
    const atom = fc.constantFrom("a", "b", "[ab]", "a*", "b?", "(ab)+", "^", "$", "|", ".");
    const pattern = fc.array(atom, { minLength: 1, maxLength: 6 }).map((atoms) => atoms.join(""));
    const value = fc
      .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 5 })
      .map((letters) => letters.join(""));
    fc.assert(
      fc.property(pattern, value, (source, subject) => {
        expect(accepts(source, subject)).toBe(new RegExp(`^(?:${source})$`).test(subject));
      }),
      { numRuns: 500 },
    );
  });

  it("answers for a pattern that would hang a backtracking engine", () => {
    expect(accepts("^(a+)+$", "a".repeat(60))).toBe(true);
    expect(accepts("^(a+)+$", `${"a".repeat(59)}!`)).toBe(false);
  });

  it("is refused with the place of the fault when it can't be used", () => {
    for (const pattern of [
      "(",
      "a)|(b",
      "(?=a)",
      "\\1",
      "a{1001}",
      "a".repeat(1025),
      "(?:a{0,10}){0,100}".repeat(50),
    ]) {
      const problems = problemsOf(requireApp({ allowedRegex: pattern }));
      expect(
        problems.map(({ pointer }) => pointer),
        pattern,
      ).toEqual(["/labels/0/allowedRegex"]);
    }
  });

  it("is a value or a problem, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.string(), (source, subject) => {
        const outcome = compileLinearRegex(source);
        expect("problem" in outcome ? typeof outcome.problem : typeof outcome.regex.matches(subject)).toMatch(
          /string|boolean/,
        );
      }),
      { numRuns: 500 },
    );
  });

  it("never matches a value of absurd length", () => {
    const outcome = compileLinearRegex("a*");
    if ("problem" in outcome) return expect.unreachable(outcome.problem);
    expect(outcome.regex.matches("a".repeat(4096))).toBe(true);
    expect(outcome.regex.matches("a".repeat(4097))).toBe(false);
  });
});

function withTemplate(labels: StringMap, inTemplate: StringMap): KubernetesObject {
  return { metadata: { labels }, spec: { template: { metadata: { labels: inTemplate } } } };
}

function problemsOf(params: Params): InvalidParams["problems"] {
  try {
    requiredLabels.compile?.(params);
  } catch (error) {
    if (error instanceof InvalidParams) return error.problems;
    throw error;
  }
  return [];
}

function reverseKeys(map: StringMap): StringMap {
  return Object.fromEntries(Object.entries(map).reverse());
}
