/** Requests of every shape that the API server can send, through HTTPS, with a rule that finds fault with everything. */
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { setAnnotations } from "../../src/kube/json-patch.ts";
import { CANARY_MESSAGE } from "../../src/policy/policy.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, ruleThatFinds, verdictOf, violationOf } from "../support/policies.ts";
import { bytesOf, POD, patchesOf, requestOf, reviewOf, UID, updateOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const strict = policyOf(
  ruleOf(({ object }) => ({ violations: [violationOf()], patches: setAnnotations(object, { note: "seen" }) })),
);
const server = await serve([strict]);
afterAll(() => server.close());

const ALLOWED = { uid: UID, allowed: true };
const NOTE = [{ op: "add", path: "/metadata/annotations", value: { note: "seen" } }];

describe("a request that is judged", () => {
  it("is refused, with what is wrong", async () => {
    expect(await server.review("/validate", requestOf())).toEqual({
      uid: UID,
      allowed: false,
      status: {
        code: 403,
        reason: "Forbidden",
        message: "MADE-UP spec: the spec is wrong (policy a-policy)",
        details: { causes: [{ reason: "MADE-UP", message: "the spec is wrong", field: "spec" }] },
      },
      auditAnnotations: { policies: "a-policy", rules: "made-up", codes: "MADE-UP", effects: "deny" },
    });
  });

  it("is patched, and never refused, by the mutating webhook", async () => {
    const response = await server.review("/mutate", requestOf());
    expect(response).toEqual({ ...ALLOWED, patchType: "JSONPatch", patch: expect.any(String) });
    expect(patchesOf(response)).toEqual(NOTE);
  });

  it.each<[string, object]>([
    ["without a name yet", { name: "", object: { ...POD, metadata: { generateName: "web-" } } }],
    ["whose namespace stands in the request alone", { object: { ...POD, metadata: { name: "web" } } }],
    ["in no namespace", { namespace: "" }],
    ["as a dry run", { dryRun: true }],
    ["without a user", { userInfo: undefined }],
    ["of another version than the user sent", { requestKind: { group: "", version: "v0", kind: "OldPod" } }],
    ["with fields of the future", { newField: { nested: [1] }, object: { ...POD, newField: true } }],
    ["of an object without a spec", { object: { metadata: {} } }],
  ])("is refused and patched all the same %s", async (_name, parts) => {
    const request = requestOf(parts);
    expect((await server.review("/validate", request)).allowed).toBe(false);
    expect(patchesOf(await server.review("/mutate", request))).toEqual(NOTE);
  });

  it("gets its own uid back, whatever it looks like", async () => {
    const uid = '<&>"\\u0041\\';
    expect((await server.review("/validate", requestOf({ uid }))).uid).toBe(uid);
  });

  it("is judged anew, though the body brings an answer of its own", async () => {
    const body = bytesOf({ ...reviewOf(requestOf()), response: ALLOWED });
    expect(JSON.parse((await server.send("/validate", { body })).body).response.allowed).toBe(false);
  });

  it("is refused on an entry of other policies too, and counted", async () => {
    const count = () => server.sample("portcullis_unknown_entries_total", { phase: "validate" });
    const before = await count();
    expect((await server.review("/validate/0badc0de", requestOf())).allowed).toBe(false);
    expect(await count()).toBe(before + 1);
  });
});

describe("a request that is not judged", () => {
  const leaving = { ...POD, metadata: { ...POD.metadata, deletionTimestamp: "2026-11-21T12:00:00Z" } };
  const mirror = { ...POD, metadata: { annotations: { "kubernetes.io/config.mirror": "0d8f" } } };
  const resource = (group: string, name: string) => ({ resource: { group, version: "v1", resource: name } });
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["a deletion", requestOf({ operation: "DELETE", object: null, oldObject: POD })],
    [
      "one of the deletions of a collection",
      requestOf({ operation: "DELETE", object: null, oldObject: POD, name: "" }),
    ],
    ["a connection", requestOf({ operation: "CONNECT", subResource: "exec", object: { kind: "PodExecOptions" } })],
    ["an eviction", requestOf({ subResource: "eviction", object: { kind: "Eviction" } })],
    ["a binding", requestOf({ subResource: "binding", object: { kind: "Binding" } })],
    ["a status", updateOf(POD, POD, { subResource: "status" })],
    [
      "a scale",
      updateOf({ kind: "Scale" }, { kind: "Scale" }, { subResource: "scale", ...resource("apps", "deployments") }),
    ],
    ["an update of what is being deleted", updateOf(leaving, leaving)],
    ["a mirror Pod", requestOf({ object: mirror })],
    ["a resource that no policy knows", requestOf(resource("example.org", "widgets"))],
    ["a List", requestOf({ object: { kind: "List", items: [POD] }, ...resource("", "lists") })],
  ])("is allowed without a patch: %s", async (_name, request) => {
    expect(await server.review("/validate", request)).toEqual(ALLOWED);
    expect(await server.review("/mutate", request)).toEqual(ALLOWED);
  });
});

describe("the canary", () => {
  it("is refused whatever the policies are", async () => {
    const configMap = requestOf({ resource: { group: "", version: "v1", resource: "configmaps" }, dryRun: true });
    const response = await server.review("/validate/canary", configMap);
    expect(response.allowed).toBe(false);
    expect(response.status?.message).toBe(CANARY_MESSAGE);
  });
});

describe("a finding with hostile text in it", () => {
  afterEach(() => server.use({ policies: [strict] }));

  it("is an answer that the API server takes, as a denial and as warnings", async () => {
    const text = "\u001b[31m%s\n<b>\u202e\ud800".repeat(10);
    const long = { message: text + "x".repeat(100_000) };
    const findings = [long, ...Array.from({ length: 200 }, (_, index) => ({ message: `${index}${text}`, fix: text }))];
    server.use({ policies: [policyOf(ruleThatFinds(...findings))] });
    const denial = await server.review("/validate", requestOf());
    expect(denial.status?.message).not.toMatch(/[\p{Cf}\p{Cs}]|(?!\n)\p{Cc}/u);
    expect(denial.status?.message.length).toBeLessThanOrEqual(4096);

    server.use({ policies: [policyOf(ruleThatFinds(...findings), { validationActions: ["Warn"] })] });
    const warned = await server.review("/validate", requestOf());
    expect(warned.allowed).toBe(true);
    expect(warned.warnings?.length).toBeGreaterThan(1);
  });
});

describe("a rule that fails", () => {
  const SECRET = "hunter2";
  const broken: readonly [string, Rule["evaluate"]][] = [
    [
      "with an error",
      () => {
        throw new TypeError(`can't read ${SECRET}`);
      },
    ],
    [
      "with null",
      () => {
        throw null;
      },
    ],
    ["by promising a verdict", (() => Promise.resolve(verdictOf())) as never],
    [
      "by patching what it may not",
      () => ({ violations: [violationOf()], patches: [{ op: "add", path: "/spec", value: SECRET }] }),
    ],
  ];
  beforeEach(() => server.clearLog());
  afterEach(async () => {
    server.use({ policies: [strict] });
    expect((await server.review("/validate", requestOf())).allowed).toBe(false);
  });

  it.each(broken)(
    "is a failed call, for failurePolicy to decide, and a log line without the object: %s",
    async (_name, evaluate) => {
      const count = () => server.sample("portcullis_admission_errors_total", { phase: "mutate", error: "internal" });
      const before = await count();
      server.use({ policies: [policyOf(ruleOf(evaluate))] });
      const answer = await server.send("/mutate", { body: bytesOf(reviewOf(requestOf())) });
      expect(answer.status).toBe(500);
      expect(await count()).toBe(before + 1);
      expect(server.logged()).toEqual([
        expect.objectContaining({ level: "error", msg: "a rule failed: this is a bug" }),
      ]);
      expect(JSON.stringify([answer.body, server.logged()])).not.toContain(SECRET);
    },
  );
});
