/** Second height: every case through HTTPS, first to the mutating webhook, then, patched, to the validating one. */
import jsonPatch from "fast-json-patch";
import { afterAll, describe, expect, it } from "vitest";
import { rules } from "../../src/rules/index.ts";
import { casesOf } from "../support/cases.ts";
import { overlay } from "../support/overlay.ts";
import { policyOf } from "../support/policies.ts";
import { requestOfCase } from "../support/request-of-case.ts";
import { patchesOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const server = await serve([]);
afterAll(() => server.close());

describe.each(rules.map((rule) => [rule.id, rule] as const))("%s", (_id, rule) => {
  it.each(casesOf(rule).map((entry) => [entry.name, entry] as const))("%s", async (_name, entry) => {
    const { params, mutate } = entry;
    server.use({ policies: [policyOf(rule, { params, ...(rule.mutates ? { mutate } : {}) })], now: entry.now });

    const mutated = await server.review("/mutate", requestOfCase(entry, entry.object));
    const patched = jsonPatch.applyPatch(structuredClone(entry.object), patchesOf(mutated), true).newDocument;
    expect(mutated.allowed).toBe(true);
    expect(patched).toEqual(overlay(entry.object, entry.patched));

    const validated = await server.review("/validate", requestOfCase(entry, patched));
    expect((validated.status?.details?.causes ?? []).map(({ reason }) => reason)).toEqual(entry.refused);
    expect(validated.allowed).toBe(entry.refused.length === 0);
  });
});
