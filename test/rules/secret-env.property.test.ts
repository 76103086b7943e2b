/** What must hold for every environment, however odd; above all, that no value gets out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { RuleInput } from "../../src/rules/rule.ts";
import { type CompiledParams, compileParams, type Params } from "../../src/rules/secret-env/params.ts";
import { prefilter } from "../../src/rules/secret-env/prefilter.ts";
import { secretEnv } from "../../src/rules/secret-env/rule.ts";
import { compileCel } from "../support/evaluate-cel.ts";

const WORKLOADS = ["deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch"];
const RESOURCES = ["pods", ...WORKLOADS, "cronjobs.batch"];
const DEFAULTS = compileParams({ names: [], allowedNames: [], identities: false });
const ALL = compileParams({ names: ["*"], allowedNames: [], identities: true });
const CANARY = "canary-8d1f";

const name = fc.constantFrom(
  "DB_PASSWORD",
  "TOKEN_FILE",
  "MINIO_ACCESS_KEY",
  "MINIO_ROOT_USER",
  "URL",
  "__proto__",
  "",
);
const value = fc.constantFrom(
  CANARY,
  `postgres://web:${CANARY}@db/web`,
  `${CANARY}://${CANARY}:${CANARY}@${CANARY}`,
  `-----BEGIN PRIVATE KEY-----\n${CANARY}`,
  `$(${CANARY})`,
  `$$(${CANARY})`,
  "true",
  "",
);
const oddly = <T>(usual: fc.Arbitrary<T>) => fc.oneof({ weight: 12, arbitrary: usual }, fc.jsonValue({ maxDepth: 2 }));

/** Objects of every kind at once; `wrap`: what may stand in the place of a field. */
function objects(wrap: <T>(usual: fc.Arbitrary<T>) => fc.Arbitrary<unknown>): fc.Arbitrary<KubernetesObject> {
  // Most fields are there, or a template would seldom have a variable in it.
  const optional = (fields: Record<string, fc.Arbitrary<unknown>>) =>
    fc.oneof({ weight: 4, arbitrary: fc.record(fields) }, fc.record(fields, { requiredKeys: [] }));
  const listOf = <T>(usual: fc.Arbitrary<T>) => wrap(fc.array(wrap(usual), { maxLength: 3 }));
  const source = { valueFrom: fc.constant({ secretKeyRef: { name: "web", key: "key" } }) };
  const env = listOf(fc.oneof(optional({ name: wrap(name), value: wrap(value) }), optional({ name, ...source })));
  const containers = listOf(optional({ name: wrap(fc.constantFrom("web", "db")), env }));
  const podSpec = { containers, initContainers: containers, ephemeralContainers: containers };
  const template = wrap(optional({ spec: wrap(optional(podSpec)) }));
  const jobTemplate = wrap(optional({ spec: wrap(optional({ template })) }));
  const metadata = fc.constant({ name: "web" });
  return optional({ metadata, spec: wrap(optional({ ...podSpec, template, jobTemplate })) });
}

const params = fc
  .record<Params>({
    names: fc.uniqueArray(fc.constantFrom("*", "url", "*_FILE", "")),
    allowedNames: fc.uniqueArray(fc.constantFrom("DB_*", "url", "*ey")),
    identities: fc.boolean(),
  })
  .map(compileParams);

function inputOf(
  object: KubernetesObject,
  resource: string,
  overrides: Partial<RuleInput<CompiledParams>> = {},
): RuleInput<CompiledParams> {
  return {
    operation: "CREATE",
    object,
    request: { resource, kind: "", namespace: "application", username: "alice", trustedController: false },
    now: new Date("2026-11-21T12:00:00Z"),
    params: DEFAULTS,
    mutate: false,
    ...overrides,
  };
}

function podWith(env: readonly object[]): KubernetesObject {
  return { spec: { containers: [{ name: "web", env }] } };
}

function violationsOf(env: readonly object[], chosen = DEFAULTS) {
  return secretEnv.evaluate(inputOf(podWith(env), "pods", { params: chosen })).violations;
}

function compilePrefilter(resource: string): (object: unknown) => boolean {
  return compileCel(prefilter({ phase: "validate", resource, params: DEFAULTS, mutate: false }));
}

describe("secret-env", () => {
  it("has a verdict for whatever is in a spec, points at an entry of env, and never patches", () => {
    fc.assert(
      fc.property(objects(oddly), params, fc.constantFrom(...RESOURCES, "services"), (object, chosen, resource) => {
        const before = structuredClone(object);
        const { violations, patches } = secretEnv.evaluate(inputOf(object, resource, { params: chosen }));
        expect(object).toEqual(before);
        expect(patches).toEqual([]);
        for (const { severity, path, message } of violations) {
          expect(severity).toBe("warning");
          expect(path).toMatch(/^(\/spec\/jobTemplate)?(\/spec\/template)?\/spec\/\w+ontainers\/\d+\/env\/\d+$/);
          expect(message).not.toMatch(/\p{Cc}/u);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("never repeats a value", () => {
    let judged = 0;
    fc.assert(
      fc.property(objects(usual), params, fc.constantFrom(...RESOURCES), (object, chosen, resource) => {
        const verdict = secretEnv.evaluate(inputOf(object, resource, { params: chosen }));
        judged += verdict.violations.length;
        expect(JSON.stringify(verdict)).not.toContain(CANARY);
      }),
      { numRuns: 2000 },
    );
    expect(judged).toBeGreaterThan(200);
  });

  it("never repeats a part of a value either", () => {
    const text = fc.string({ minLength: 12, maxLength: 40 });
    const shapes = text.chain((part) => fc.constantFrom(part, `a://b:${part}@c`, `-----BEGIN PRIVATE KEY-----${part}`));
    fc.assert(
      fc.property(shapes, (shape) => {
        const verdict = JSON.stringify(violationsOf([{ name: "A", value: shape }], ALL));
        const parts = Array.from({ length: shape.length - 11 }, (_, start) => shape.slice(start, start + 12));
        for (const part of parts) expect(verdict).not.toContain(JSON.stringify(part).slice(1, -1));
      }),
    );
  });

  it("knows a fault again when its value is another, and tells variables and containers apart", () => {
    const [before] = violationsOf([{ name: "TOKEN", value: "one" }]);
    expect(violationsOf([{ name: "TOKEN", value: "two" }])).toEqual([before]);
    const containers = ["web", "db"].map((container) => ({
      name: container,
      env: ["TOKEN", "SECRET"].map((variable) => ({ name: variable, value: "x" })),
    }));
    const { violations } = secretEnv.evaluate(inputOf({ spec: { containers } }, "pods"));
    expect(new Set(violations.map(({ subject }) => subject)).size).toBe(4);
  });

  it("keeps nothing from being sent that it has a verdict on", () => {
    const conditions = new Map(RESOURCES.map((resource) => [resource, compilePrefilter(resource)]));
    let kept = 0;
    fc.assert(
      fc.property(objects(usual), params, fc.constantFrom(...RESOURCES), (object, chosen, resource) => {
        if (conditions.get(resource)?.(object)) return;
        kept += 1;
        expect(secretEnv.evaluate(inputOf(object, resource, { params: chosen })).violations).toEqual([]);
      }),
      { numRuns: 5000 },
    );
    expect(kept).toBeGreaterThan(100);
  });

  it.each([
    ["no variables", {}, false],
    ["a value", { env: [{ name: "A", value: "a" }] }, true],
    ["an empty value", { env: [{ name: "A", value: "" }] }, false],
    ["a hundred references", { env: manyOf(100, { name: "A", valueFrom: {} }) }, false],
    ["more references than are looked at", { env: manyOf(101, { name: "A", valueFrom: {} }) }, true],
  ])("a container with %s is sent as it should be", (_name, container, isSent) => {
    for (const field of ["containers", "initContainers", "ephemeralContainers"]) {
      expect(compilePrefilter("pods")({ spec: { [field]: [{}, container] } })).toBe(isSent);
    }
  });

  it("reads a value as far as a process can have one", () => {
    const key = "-----BEGIN PRIVATE KEY-----";
    const codesOf = (length: number) =>
      violationsOf([{ name: "A", value: key.padStart(length, "x") }]).map(({ code }) => code);
    expect(codesOf(128 * 1024)).toEqual(["SEC-ENV-KEY"]);
    expect(codesOf(128 * 1024 + 1)).toEqual([]);
  });

  const SIZE = 3 * 1024 * 1024;
  const patterns = ["*AAAAAAAB*", "*AAAAAAAB", ...Array.from({ length: 30 }, (_, index) => `*_PIN_${index}*`)];
  const busy = compileParams({ names: patterns, allowedNames: patterns, identities: true });
  it.each([
    ["the beginning of a key", [{ name: "A", value: repeat("-----BEGIN ", SIZE) }]],
    ["the middle of a key", [{ name: "A", value: `-----BEGIN ${repeat("PRIVATE KEY", SIZE)}` }]],
    ["schemes", manyOf(24, { name: "A", value: repeat("a://", SIZE / 24) })],
    ["users", manyOf(24, { name: "A", value: repeat("a://b:@", SIZE / 24) })],
    ["one long user", manyOf(24, { name: "A", value: `a://${repeat("@:", SIZE / 24)}` })],
    ["references that don't end", manyOf(24, { name: "TOKEN", value: repeat("$(", SIZE / 24) })],
    ["references", manyOf(24, { name: "TOKEN", value: repeat("$(A)", SIZE / 24) })],
    ["a long name", [{ name: repeat("AZURE_ACCESS_", SIZE), value: "x" }]],
    ["a name of one letter", [{ name: repeat("A", SIZE), value: "x" }]],
    ["half a name", [{ name: repeat("PASSWOR", SIZE), value: "x" }]],
    ["long names", manyOf(96, { name: repeat("private_", 32 * 1024), value: "x" })],
    ["as many secrets as there can be", manyOf(100_000, { name: "TOKEN", value: "x" })],
    ["as many other variables", manyOf(100_000, { name: "COLOR", value: "x" })],
  ])("comes to an end, with an object of full size: %s", (_name, env) => {
    const { violations } = secretEnv.evaluate(inputOf(podWith(env), "pods", { params: busy }));
    expect(violations.length).toBeLessThanOrEqual(env.length);
  });
});

function repeat(text: string, length: number): string {
  return text.repeat(Math.ceil(length / text.length)).slice(0, length);
}

function manyOf(count: number, entry: object): readonly object[] {
  return Array.from({ length: count }, () => entry);
}

function usual<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return arbitrary;
}
