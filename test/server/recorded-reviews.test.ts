/** What a real API server has sent, in its own bytes, under the shipped policies. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AdmissionResponse } from "../../src/admission/types.ts";
import { loadPolicies } from "../../src/policy/load.ts";
import { rules } from "../../src/rules/index.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import { policyOf } from "../support/policies.ts";
import { patchesOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const FIXTURES = new URL("../../../shared/fixtures/", import.meta.url);
const RECORDED = new URL("admission-reviews/", FIXTURES);
const POLICIES = new URL("../../manifests/policies/", import.meta.url);
const SHIPPED = loadPolicies(fileURLToPath(POLICIES), rules);
const OPTIONAL = loadPolicies(fileURLToPath(new URL("optional", POLICIES)), rules);

/** Refused, and why: found by reading the files, not by asking the rules. Every other file is allowed. */
const REFUSED: Readonly<Record<string, { readonly because: string; readonly codes: readonly string[] }>> = {
  "32_validate_create_pods_mongo-tx594.json": {
    because: "a Pod that admin makes by hand, without labels",
    codes: ["LBL-MISSING"],
  },
  "40_validate_create_cronjobs_nightly.json": { because: "a CronJob without labels", codes: ["LBL-MISSING"] },
  "44_validate_update_ingresses_sitemaps.json": {
    because: "the label bucket goes to sitemaps-20240102, the rewrite stays at sitemaps-20240101",
    codes: ["ING-MISMATCH"],
  },
  "62_validate_update_deployments_wordpress.json": {
    because: "the update takes the label app away",
    codes: ["LBL-MISSING"],
  },
};

/** Pods that mount a claim and say nothing of their backup: all volumes are called data. */
const PATCHED = [
  "09_mutate_create_pods_wordpress-65b6ff8d4d-.json",
  "21_mutate_create_pods_minio-0.json",
  "31_mutate_create_pods_mongo-.json",
  "49_mutate_create_pods_wordpress-65b6ff8d4d-.json",
];
const PATCH = [
  {
    op: "add",
    path: "/metadata/annotations",
    value: { "backup.velero.io/backup-volumes": "data", "portcullis.dev/backup-volumes": "generated" },
  },
];

async function post(phase: "mutate" | "validate", file: URL): Promise<AdmissionResponse> {
  const { status, body } = await server.send(`/${phase}?timeout=5s`, { body: readFileSync(file) });
  expect(status).toBe(200);
  return JSON.parse(body).response;
}

function codesOf({ status }: AdmissionResponse): readonly string[] {
  return (status?.details?.causes ?? []).map(({ reason }) => reason);
}

const isRecorded = existsSync(RECORDED);
const files = isRecorded ? readdirSync(RECORDED).sort() : [];
if (!isRecorded) it("recorded reviews", ({ skip }) => skip(`there are none: ${fileURLToPath(RECORDED)} is absent`));

const server = await serve(SHIPPED);
afterAll(() => server.close());

describe.runIf(isRecorded)("a recorded review", () => {
  it.each(files.filter((file) => file.includes("_mutate_")))("G-2: %s is allowed, patched or not", async (file) => {
    const response = await post("mutate", new URL(file, RECORDED));
    expect(response.allowed).toBe(true);
    expect(patchesOf(response)).toEqual(PATCHED.includes(file) ? PATCH : []);
  });

  it.each(files.filter((file) => file.includes("_validate_")))("G-2: %s is allowed or refused", async (file) => {
    const response = await post("validate", new URL(file, RECORDED));
    expect(codesOf(response)).toEqual(REFUSED[file]?.codes ?? []);
    expect(response.allowed).toBe(REFUSED[file] === undefined);
  });

  it("G-2: gets a verdict in its own phase from every policy that ships, those that are switched off too", async () => {
    server.use({ policies: [...SHIPPED, ...OPTIONAL] });
    for (const file of files) await post(file.includes("_mutate_") ? "mutate" : "validate", new URL(file, RECORDED));
    server.use({ policies: SHIPPED });
    expect(files.length).toBeGreaterThan(70);
  });

  it("is there for every name that this test expects something of", () => {
    expect(files).toEqual(expect.arrayContaining([...Object.keys(REFUSED), ...PATCHED]));
  });
});

describe.runIf(isRecorded)("a Deployment with all that is asked for", () => {
  const asksForTeam = policyOf(requiredLabels, { params: { labels: [{ anyOf: ["team"] }] } }, "asks-for-team");
  beforeAll(() => server.use({ policies: [...SHIPPED, asksForTeam] }));
  const right = new URL("deployment-review.json", FIXTURES);
  const wrong = new URL("deployment-review-refused.json", FIXTURES);

  it("is allowed without a word", async () => {
    expect(await post("validate", right)).toEqual({ uid: expect.any(String), allowed: true });
    expect(await post("mutate", right)).toEqual({ uid: expect.any(String), allowed: true });
  });

  it("and without the label that one more policy asks for, is refused by that one", async () => {
    const response = await post("validate", wrong);
    expect(response.allowed).toBe(false);
    expect(codesOf(response)).toEqual(["LBL-MISSING"]);
    expect(response.status?.message).toMatch(/label "team" is missing.*\(policy asks-for-team\)$/);
    expect((await post("mutate", wrong)).allowed).toBe(true);
  });

  it("and without it, is allowed by the shipped policies alone", async () => {
    server.use({ policies: SHIPPED });
    expect((await post("validate", wrong)).allowed).toBe(true);
  });
});
