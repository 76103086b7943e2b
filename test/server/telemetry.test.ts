/** What is logged and counted of a review: never the object, and metrics that don't grow with the cluster. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { setAnnotations } from "../../src/kube/json-patch.ts";
import { policyOf, ruleOf, verdictOf } from "../support/policies.ts";
import { POD, requestOf, UID } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const REVIEWS = "portcullis_admission_reviews_total";
/** Refuses what is called wrong, patches what is called bare. */
const policy = policyOf(
  ruleOf(({ object }) => ({
    ...verdictOf(...(object.metadata?.name === "wrong" ? [{}] : [])),
    patches: object.metadata?.name === "bare" ? setAnnotations(object, { note: "seen" }) : [],
  })),
);
const server = await serve([policy]);
afterAll(() => server.close());
beforeEach(() => server.clearLog());

function named(name: string, parts: object = {}) {
  return requestOf({ name, object: { ...POD, metadata: { name } }, ...parts });
}

describe("the log line of a review", () => {
  it("of a refusal is at info and says who, what and why", async () => {
    await server.review("/validate", named("wrong", { dryRun: true }));
    expect(server.logged()).toEqual([
      {
        level: "info",
        time: expect.any(String),
        program: "server",
        msg: "review",
        phase: "validate",
        entry: "",
        uid: UID,
        operation: "CREATE",
        resource: "pods",
        namespace: "application",
        name: "wrong",
        user: "alice",
        dryRun: true,
        verdict: "denied",
        violations: ["a-policy/MADE-UP/deny"],
        durationMs: expect.any(Number),
      },
    ]);
  });

  it.each<[string, string, object]>([
    ["an allowed one", "/validate", { verdict: "allowed" }],
    ["a patched one", "/mutate", { verdict: "patched" }],
  ])("of %s is at debug", async (_name, path, expected) => {
    await server.review(path, named("bare"));
    expect(server.logged()).toMatchObject([{ level: "debug", ...expected }]);
  });

  it("of a skipped one says why it was skipped", async () => {
    await server.review("/validate", named("wrong", { subResource: "status" }));
    expect(server.logged()).toMatchObject([
      { level: "debug", verdict: "skipped", skipped: "subresource", subResource: "status" },
    ]);
  });

  it("of the canary is at info", async () => {
    await server.review("/validate/canary", named("canary"));
    expect(server.logged()).toMatchObject([{ level: "info", entry: "canary", verdict: "denied" }]);
  });

  it("holds nothing of the object, the groups and the extras", async () => {
    const secret = "hunter2";
    await server.review(
      "/validate",
      named("wrong", {
        object: { ...POD, metadata: { name: "wrong", labels: { token: secret } }, data: { password: secret } },
        oldObject: { data: { password: secret } },
        options: { password: secret },
        userInfo: { username: "alice", uid: secret, groups: [secret], extra: { token: [secret] } },
      }),
    );
    expect(server.logged()).toHaveLength(1);
    expect(JSON.stringify(server.logged())).not.toContain(secret);
  });

  it("is one line, whatever the names hold", async () => {
    const user = "a\n\u001b[31mb";
    await server.review("/validate", named("wrong", { userInfo: { username: user } }));
    expect(server.logged()).toMatchObject([{ user }]);
  });

  it.each(["name", "namespace", "user", "resource", "subResource"])(
    "has a %s of at most 256 characters",
    async (field) => {
      const long = "n".repeat(100_000);
      const request = requestOf({
        name: long,
        namespace: long,
        userInfo: { username: long },
        resource: { group: long, version: "v1", resource: long },
        subResource: long,
      });
      await server.review("/validate/canary", request);
      expect(String(server.logged()[0]?.[field]).length).toBeLessThanOrEqual(256);
    },
  );
});

describe("the metrics of reviews", () => {
  it("count phase, operation, resource and verdict", async () => {
    const labels = { phase: "validate", operation: "CREATE", resource: "pods", verdict: "denied" };
    const violation = { policy: "a-policy", rule: "made-up", code: "MADE-UP", effect: "deny" };
    const before = await Promise.all([
      server.sample(REVIEWS, labels),
      server.sample("portcullis_violations_total", violation),
    ]);
    await server.review("/validate", named("wrong"));
    const after = await Promise.all([
      server.sample(REVIEWS, labels),
      server.sample("portcullis_violations_total", violation),
    ]);
    expect(after).toEqual(before.map((count) => count + 1));
  });

  it("F-91: don't grow with names, namespaces, users, entries, kinds and resources that nobody asked about", async () => {
    const countSeries = async () => {
      const metrics = await server.metrics.registry.getMetricsAsJSON();
      return metrics.reduce((sum, { values }) => sum + values.length, 0);
    };
    const storm = async (from: number) => {
      for (let index = from; index < from + 50; index++) {
        const name = `thing-${index}`;
        const resource = { group: `${name}.dev`, version: "v1", resource: name };
        await server.review(
          `/validate/entry-${index}`,
          named("wrong", { namespace: name, userInfo: { username: name } }),
        );
        await server.review("/validate", named(name, { resource, kind: { ...resource, kind: name }, subResource: "" }));
        await server.review("/validate", named(name, { resource, subResource: name }));
      }
    };
    await storm(0);
    const before = await countSeries();
    await storm(50);
    expect(await countSeries()).toBe(before);
    expect(await server.sample(REVIEWS, { resource: "other", verdict: "allowed" })).toBeGreaterThanOrEqual(100);
  });
});
