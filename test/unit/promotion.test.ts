import { describe, expect, it } from "vitest";
import { type LiveConfiguration, PENDING_PROMOTION } from "../../src/registration/configuration.ts";
import { desiredWebhooks } from "../../src/registration/desired.ts";
import { compareEntries } from "../../src/registration/difference.ts";
import { planEntriesPatch } from "../../src/registration/entries-patch.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";

const SERVICE = { service: "portcullis", namespace: "policy" };
const TARGET = { ...SERVICE, servicePort: 443, excludeNamespaces: [] };
const POLICIES = [
  policyOf(ruleThatFinds(), {}, "a"),
  policyOf(ruleThatFinds(), { match: { objectSelector: { matchLabels: { tier: "web" } } } }, "b"),
];
const WANTED = desiredWebhooks("validate", POLICIES, TARGET);
const [FIRST = "", SECOND = ""] = WANTED.map(({ name }) => name).filter((name) => name.includes("validate"));

function configuration(pending: string | undefined, failurePolicy: string): LiveConfiguration {
  const annotations = pending === undefined ? {} : { [PENDING_PROMOTION]: pending };
  return {
    metadata: { name: "portcullis", resourceVersion: "17", annotations },
    webhooks: WANTED.map((webhook) => ({ ...webhook, failurePolicy })),
  };
}

function patchFor(live: LiveConfiguration): unknown {
  return planEntriesPatch(live, compareEntries(live, WANTED, SERVICE), "Q0E=");
}

const CLEARED = { resourceVersion: "17", annotations: { [PENDING_PROMOTION]: null } };

describe("promotion", () => {
  it("gives the pending entries the failurePolicy of their policies, and takes the mark away", () => {
    expect(patchFor(configuration(`${FIRST},${SECOND}`, "Ignore"))).toEqual({
      metadata: CLEARED,
      webhooks: [
        { name: FIRST, failurePolicy: "Fail" },
        { name: SECOND, failurePolicy: "Fail" },
      ],
    });
  });

  it("leaves an entry that is not pending as somebody has set it", () => {
    expect(patchFor(configuration(SECOND, "Ignore"))).toEqual({
      metadata: CLEARED,
      webhooks: [{ name: SECOND, failurePolicy: "Fail" }],
    });
    expect(patchFor(configuration(undefined, "Ignore"))).toBeUndefined();
  });

  it.each([
    ["of entries that are promoted already", FIRST],
    ["of entries that are gone", "gone.validate.portcullis.dev"],
    ["of nothing", ""],
  ])("takes away a mark %s", (_, pending) => {
    expect(patchFor(configuration(pending, "Fail"))).toEqual({ metadata: CLEARED });
  });
});
