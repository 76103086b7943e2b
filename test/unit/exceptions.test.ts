/** What exceptions let through, until when, and how that is told. Those in documents of their own: exception-documents.test.ts. */
import { describe, expect, it } from "vitest";
import { review } from "../../src/admission/review.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createRecorder } from "../../src/telemetry/recorder.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, callOf, POD, requestOf, reviewOf, updateOf } from "../support/reviews.ts";

const WARNING = { code: "MADE-UP-TOO", severity: "warning", message: "the spec is odd" } as const;
const NAMESPACES = ["namespaces", "pods", "configmaps"];
const RULE = {
  ...ruleThatFinds({}),
  resources: [{ group: "", version: "v1", resources: NAMESPACES, operations: ["CREATE", "UPDATE"] }],
} as const;
const UNTIL = { until: "2027-01-31", reason: "TICKET-12" };
const IN_APPLICATION = { namespaces: ["application"], ...UNTIL };
const OF_NAMESPACES = { resource: { group: "", version: "v1", resource: "namespaces" } };
/** Long before the last 7 days of January. */
const NOW = new Date("2026-11-21T12:00:00Z");

async function answerTo(policies: readonly Policy[], request: object = requestOf(), now: Date = NOW) {
  const metrics = createMetrics();
  const index = indexPolicies(policies);
  const recorder = createRecorder(createLogger("server", "fatal"), metrics);
  const { response } = review(callOf({ now }), bytesOf(reviewOf(request)), index, recorder);
  const counted = (await metrics.registry.getSingleMetric("portcullis_violations_total")?.get())?.values ?? [];
  const { allowed, warnings = [], auditAnnotations } = response;
  return { allowed, warnings, effects: auditAnnotations?.effects, counted: counted.map(({ labels }) => labels) };
}

function excepting(...exceptions: readonly object[]): readonly Policy[] {
  return [policyOf(RULE, { exceptions })];
}

async function isExcepted(exception: object, parts: object = {}, now?: Date): Promise<boolean> {
  const { allowed, effects } = await answerTo(excepting({ ...UNTIL, ...exception }), requestOf(parts), now);
  expect(effects).toBe(allowed ? "excepted" : "deny");
  return allowed;
}

function named(metadata: object): { readonly object: KubernetesObject } {
  return { object: { ...POD, metadata: { namespace: "application", ...metadata } } };
}

describe("an exception covers", () => {
  it.each<[string, object, object, boolean]>([
    ["a namespace", { namespaces: ["application"] }, {}, true],
    ["namespaces by a pattern", { namespaces: ["shop", "app*"] }, {}, true],
    ["no other namespace", { namespaces: ["app"] }, {}, false],
    ["an object by name", { names: ["web"] }, {}, true],
    ["objects by a pattern", { names: ["*eb"] }, {}, true],
    ["no other object", { names: ["we"] }, {}, false],
    ["only what is in its namespaces and has its names", { namespaces: ["app*"], names: ["blog-*"] }, {}, false],
    ["what is in its namespaces and has its names", { namespaces: ["app*"], names: ["w*"] }, {}, true],
    [
      "a name that is yet to be generated, by its beginning",
      { names: ["blog-*"] },
      named({ generateName: "blog-7-" }),
      true,
    ],
    ["no generateName of another beginning", { names: ["blog-*"] }, named({ generateName: "web-" }), false],
    [
      "a name, whatever it was generated from",
      { names: ["blog-*"] },
      named({ name: "web", generateName: "blog-" }),
      false,
    ],
    ["what is in no namespace, by name", { names: ["web"] }, { namespace: "" }, true],
    [
      "a Namespace by its own name",
      { namespaces: ["app*"] },
      {
        ...OF_NAMESPACES,
        namespace: "",
        object: { apiVersion: "v1", kind: "Namespace", metadata: { generateName: "app-" } },
      },
      true,
    ],
    ["nothing that is in no namespace by a namespace", { namespaces: ["app*"] }, { namespace: "" }, false],
    ["an object without metadata by no name", { names: ["web"] }, { object: { kind: "Pod" } }, false],
    ["a code", { namespaces: ["*"], codes: ["MADE-UP-TOO", "MADE-UP"] }, {}, true],
    ["no other code", { namespaces: ["*"], codes: ["MADE-UP-TOO"] }, {}, false],
  ])("%s", async (_name, exception, parts, expected) => {
    expect(await isExcepted(exception, parts)).toBe(expected);
  });

  it("one violation of an object, and leaves the others to be judged", async () => {
    const rule = ruleThatFinds({}, { path: "/metadata" }, WARNING);
    const policy = policyOf(rule, { exceptions: [{ ...IN_APPLICATION, codes: ["MADE-UP-TOO"] }] });
    expect(await answerTo([policy])).toMatchObject({ allowed: false, warnings: [], effects: "deny,excepted" });
  });

  it("no violation of another policy", async () => {
    const policies = [policyOf(RULE, { exceptions: [IN_APPLICATION] }, "a"), policyOf(RULE, {}, "b")];
    const { allowed, counted } = await answerTo(policies);
    expect(allowed).toBe(false);
    expect(counted.map(({ policy, effect }) => [policy, effect])).toEqual([
      ["a", "excepted"],
      ["b", "deny"],
    ]);
  });
});

describe("what is excepted", () => {
  it("is allowed in silence, and is in the audit annotations and in the metrics", async () => {
    expect(await answerTo(excepting(IN_APPLICATION))).toEqual({
      allowed: true,
      warnings: [],
      effects: "excepted",
      counted: [{ policy: "a-policy", rule: "made-up", code: "MADE-UP", effect: "excepted" }],
    });
  });

  it.each<[string, object]>([
    ["where violations are only warned of", { validationActions: ["Warn"] }],
    ["where violations are only audited", { validationActions: ["Audit"] }],
    ["where warnings are errors", { promoteWarnings: true }],
    ["for an account that restores", { restoreServiceAccounts: ["alice"] }],
  ])("is excepted %s, too", async (_name, spec) => {
    const policy = policyOf(ruleThatFinds({}, WARNING), { ...spec, exceptions: [IN_APPLICATION] });
    expect(await answerTo([policy])).toMatchObject({ allowed: true, warnings: [], effects: "excepted" });
  });

  it("is excepted before it is excused for having been wrong before", async () => {
    const update = updateOf(POD, POD);
    expect(await answerTo([policyOf(RULE)], update)).toMatchObject({ effects: "existing" });
    expect(await answerTo(excepting(IN_APPLICATION), update)).toMatchObject({ warnings: [], effects: "excepted" });
  });

  it("is nothing where its code is off", async () => {
    const policy = policyOf(RULE, { severities: { "MADE-UP": "off" }, exceptions: [IN_APPLICATION] });
    expect(await answerTo([policy])).toEqual({ allowed: true, warnings: [], effects: undefined, counted: [] });
  });
});

describe("the end of an exception", () => {
  const LAST_DAYS = "MADE-UP passes until 2027-01-31 only (TICKET-12); policy a-policy";

  it.each<[string, boolean]>([
    ["2026-11-21T12:00:00Z", true],
    ["2027-01-31T00:00:00Z", true],
    ["2027-01-31T23:59:59.999Z", true],
    ["2027-02-01T00:00:00Z", false],
    ["2027-02-01T00:30:00+01:00", true],
    ["2030-01-01T00:00:00Z", false],
  ])("is 24:00 UTC of its last day: at %s it counts, %s", async (time, expected) => {
    expect(await isExcepted(IN_APPLICATION, {}, new Date(time))).toBe(expected);
  });

  it.each<[string, readonly string[]]>([
    ["2027-01-24T23:59:59.999Z", []],
    ["2027-01-25T00:00:00Z", [LAST_DAYS]],
    ["2027-01-31T23:59:59.999Z", [LAST_DAYS]],
  ])("is warned of in the last 7 days and not before: at %s %j", async (time, expected) => {
    const { allowed, warnings } = await answerTo(excepting(IN_APPLICATION), requestOf(), new Date(time));
    expect({ allowed, warnings }).toEqual({ allowed: true, warnings: expected });
  });

  it("isn't warned of where nothing is refused without it: under Audit, and what was wrong before an update", async () => {
    const inLastDays = new Date("2027-01-30T12:00:00Z");
    const audited = [policyOf(RULE, { exceptions: [IN_APPLICATION], validationActions: ["Audit"] })];
    expect(await answerTo(audited, requestOf(), inLastDays)).toMatchObject({ effects: "excepted", warnings: [] });
    const update = await answerTo(excepting(IN_APPLICATION), updateOf(POD, POD), inLastDays);
    expect(update).toMatchObject({ effects: "excepted", warnings: [] });
  });

  it("of several that cover a violation is that of the longest", async () => {
    const exceptions = ["2027-01-31", "2027-03-31", "2027-02-28"].map((until) => ({ ...IN_APPLICATION, until }));
    const at = async (time: string) => (await answerTo(excepting(...exceptions), requestOf(), new Date(time))).warnings;
    expect(await at("2027-01-31T12:00:00Z")).toEqual([]);
    expect(await at("2027-03-31T12:00:00Z")).toEqual([
      "MADE-UP passes until 2027-03-31 only (TICKET-12); policy a-policy",
    ]);
  });

  it("of one that covers something else doesn't count", async () => {
    const longer = { namespaces: ["shop"], until: "2030-01-01", reason: "TICKET-13" };
    const { warnings } = await answerTo(
      excepting(IN_APPLICATION, longer),
      requestOf(),
      new Date("2027-01-31T12:00:00Z"),
    );
    expect(warnings).toEqual([LAST_DAYS]);
  });
});
