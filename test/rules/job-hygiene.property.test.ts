/** What must hold for every Job and CronJob, however odd. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { CONCURRENCY_POLICIES, type Params } from "../../src/rules/job-hygiene/params.ts";
import { prefilter } from "../../src/rules/job-hygiene/prefilter.ts";
import { jobHygiene } from "../../src/rules/job-hygiene/rule.ts";
import type { RuleInput } from "../../src/rules/rule.ts";
import { compileCel } from "../support/evaluate-cel.ts";

const RESOURCES = ["jobs.batch", "cronjobs.batch"];
const PARAMS: Params = {
  ttlSeconds: 86400,
  maxBackoffLimit: 6,
  deadlineSeconds: 3600,
  requireGenerateName: true,
  concurrencyPolicies: ["Forbid"],
  requireStartingDeadline: true,
  startingDeadlineSeconds: 300,
};

const seconds = fc.nat({ max: 10 });
const oddly = <T>(usual: fc.Arbitrary<T>) => fc.oneof({ weight: 8, arbitrary: usual }, fc.jsonValue({ maxDepth: 2 }));
const optional = <T>(fields: { [Field in keyof T]: fc.Arbitrary<T[Field]> }) => fc.record(fields, { requiredKeys: [] });

/** `wrap`: what may stand in the place of a field. */
function objects(wrap: <T>(usual: fc.Arbitrary<T>) => fc.Arbitrary<unknown>): fc.Arbitrary<KubernetesObject> {
  const jobFields = {
    ttlSecondsAfterFinished: wrap(seconds),
    activeDeadlineSeconds: wrap(seconds),
    backoffLimit: wrap(seconds),
    backoffLimitPerIndex: wrap(seconds),
  };
  const metadata = optional({
    name: fc.constant("report-x7k2p"),
    generateName: fc.constantFrom("report-", ""),
    annotations: fc.dictionary(fc.constantFrom("helm.sh/hook", "constructor"), fc.string()),
    ownerReferences: fc.option(fc.array(fc.record({ kind: fc.constant("CronJob"), controller: fc.boolean() }))),
  });
  const spec = optional({
    ...jobFields,
    concurrencyPolicy: wrap(fc.constantFrom(...CONCURRENCY_POLICIES)),
    startingDeadlineSeconds: wrap(seconds),
    jobTemplate: wrap(optional({ spec: wrap(optional(jobFields)) })),
  });
  return optional({ metadata, spec: wrap(spec) }) as fc.Arbitrary<KubernetesObject>;
}

const params: fc.Arbitrary<Params> = fc.record({
  ttlSeconds: fc.constant(86400),
  maxBackoffLimit: seconds,
  deadlineSeconds: fc.constant(3600),
  requireGenerateName: fc.boolean(),
  concurrencyPolicies: fc.uniqueArray(fc.constantFrom(...CONCURRENCY_POLICIES), { minLength: 1 }),
  requireStartingDeadline: fc.boolean(),
  startingDeadlineSeconds: fc.constant(300),
});

function inputOf(
  object: KubernetesObject,
  resource: string,
  overrides: Partial<RuleInput<Params>> = {},
): RuleInput<Params> {
  return {
    operation: "CREATE",
    object,
    request: { resource, kind: "", namespace: "application", username: "alice", trustedController: false },
    now: new Date("2026-11-21T12:00:00Z"),
    params: PARAMS,
    mutate: false,
    ...overrides,
  };
}

describe("job-hygiene", () => {
  it("has a verdict for whatever is in a spec: warnings with a line to type, never a patch", () => {
    fc.assert(
      fc.property(objects(oddly), fc.constantFrom(...RESOURCES, "pods"), params, (object, resource, chosen) => {
        const before = structuredClone(object);
        const { violations, patches } = jobHygiene.evaluate(inputOf(object, resource, { params: chosen }));
        expect(object).toEqual(before);
        expect(patches).toEqual([]);
        for (const { severity, path, message, fix } of violations) {
          expect(severity).toBe("warning");
          expect(path).toMatch(/^\/(metadata\/name$|spec\/)/);
          expect(fix).toMatch(/"\w+: .+"/);
          expect(`${message} ${fix}`).not.toMatch(/report-|\p{Cc}/u);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("asks nothing of an update of a Job, nor of what a trusted controller makes", () => {
    fc.assert(
      fc.property(objects(oddly), (object) => {
        expect(jobHygiene.evaluate(inputOf(object, "jobs.batch", { operation: "UPDATE" })).violations).toEqual([]);
        const owned = { ...object, metadata: { ownerReferences: [OWNER] } };
        const request = { ...inputOf(owned, "jobs.batch").request, trustedController: true };
        expect(jobHygiene.evaluate(inputOf(owned, "jobs.batch", { request })).violations).toEqual([]);
      }),
    );
  });

  it("keeps nothing from being sent that it has a verdict on", () => {
    let kept = 0;
    fc.assert(
      fc.property(objects(usual), fc.constantFrom(...RESOURCES), params, (object, resource, chosen) => {
        const query = { phase: "validate", resource, params: chosen, mutate: false } as const;
        if (compileCel(prefilter(query))(object)) return;
        kept += 1;
        expect(jobHygiene.evaluate(inputOf(object, resource, { params: chosen })).violations).toEqual([]);
      }),
      { numRuns: 5000 },
    );
    expect(kept).toBeGreaterThan(100);
  });

  it.each([
    ["a complete Job", "jobs.batch", completeJob(), false],
    ["one without a time to live", "jobs.batch", completeJob({ ttlSecondsAfterFinished: undefined }), true],
    ["one without a deadline", "jobs.batch", completeJob({ activeDeadlineSeconds: undefined }), true],
    ["one with too many retries", "jobs.batch", completeJob({ backoffLimit: 7 }), true],
    ["one with a limit for each index", "jobs.batch", completeJob({ backoffLimit: 7, backoffLimitPerIndex: 1 }), false],
  ])("%s is sent as it should be", (_name, resource, object, isSent) => {
    const chosen = { ...PARAMS, requireGenerateName: false };
    const expression = prefilter({ phase: "validate", resource, params: chosen, mutate: false });
    expect(compileCel(expression)(object)).toBe(isSent);
  });
});

const OWNER = { apiVersion: "batch/v1", kind: "CronJob", name: "report", uid: "1", controller: true };

function completeJob(fields: object = {}): KubernetesObject {
  return { metadata: {}, spec: { ttlSecondsAfterFinished: 0, activeDeadlineSeconds: 60, backoffLimit: 6, ...fields } };
}

function usual<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return arbitrary;
}
