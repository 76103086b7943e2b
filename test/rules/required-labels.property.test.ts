/** What the rule promises of any object and any labels, beyond the cases. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLinearRegex } from "../../src/kube/linear-regex.ts";
import type { KubernetesObject, StringMap } from "../../src/kube/objects.ts";
import type { LabelChoice, Params } from "../../src/rules/required-labels/params.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import { InvalidParams, type JudgedOperation, type Verdict } from "../../src/rules/rule.ts";

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

function judge(
  params: Params,
  object: KubernetesObject,
  {
    resource = "services",
    operation = "CREATE",
    oldObject,
    trustedController = false,
  }: {
    resource?: string;
    operation?: JudgedOperation;
    oldObject?: KubernetesObject;
    trustedController?: boolean;
  } = {},
): Verdict {
  return requiredLabels.evaluate({
    operation,
    object,
    ...(oldObject === undefined ? {} : { oldObject }),
    request: { resource, kind: "", namespace: "application", username: "alice", trustedController },
    now: new Date(0),
    params: requiredLabels.compile?.(params) ?? expect.unreachable(),
    mutate: false,
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
