/** Requests of every shape that the API server can send, through HTTPS, with a rule that finds fault with everything. */
import jsonPatch from "fast-json-patch";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { setAnnotations } from "../../src/kube/json-patch.ts";
import { CANARY_MESSAGE } from "../../src/policy/policy.ts";
import type { ResourceRule, Rule } from "../../src/rules/rule.ts";
import { policyOf, ruleOf, ruleThatFinds, verdictOf, violationOf } from "../support/policies.ts";
import { bytesOf, POD, patchesOf, requestOf, reviewOf, UID, updateOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const operations = ["CREATE", "UPDATE"] as const;
const RESOURCES: readonly ResourceRule[] = [
  { group: "", version: "v1", resources: ["pods", "namespaces"], operations },
  { group: "apps", version: "v1", resources: ["deployments"], operations },
];
const strict = policyOf(
  ruleOf(({ object }) => ({ violations: [violationOf()], patches: setAnnotations(object, { note: "seen" }) }), {
    resources: RESOURCES,
    mutates: RESOURCES,
  }),
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

  const user = { username: "a\n\u001b[31mb", groups: Array<string>(1000).fill("group"), extra: { token: ["hunter2"] } };

  it.each<[string, object]>([
    ["without a name yet", { name: "", object: { ...POD, metadata: { generateName: "web-" } } }],
    ["whose namespace stands in the request alone", { object: { ...POD, metadata: { name: "web" } } }],
    ["in no namespace", { namespace: "" }],
    ["as a dry run", { dryRun: true }],
    ["without a user", { userInfo: undefined }],
    ["of a user with an odd name, extras and a thousand groups", { userInfo: user }],
    ["of another version than the user sent", { requestKind: { group: "", version: "v0", kind: "OldPod" } }],
    ["with fields of the future", { newField: { nested: [1] }, object: { ...POD, newField: true } }],
    ["of an object without a spec", { object: { metadata: {} } }],
    ["of another resource of the policy", { resource: { group: "apps", version: "v1", resource: "deployments" } }],
  ])("F-47, F-53, F-59, F-60, F-61, F-62, F-63: is refused and patched all the same %s", async (_name, parts) => {
    const request = requestOf(parts);
    expect((await server.review("/validate", request)).allowed).toBe(false);
    expect(patchesOf(await server.review("/mutate", request))).toEqual(NOTE);
  });

  it("F-62: is one line in the log, whoever it is of, without groups and extras", async () => {
    server.clearLog();
    await server.review("/validate", requestOf({ userInfo: user }));
    expect(server.logged()).toMatchObject([{ user: user.username, verdict: "denied" }]);
    expect(JSON.stringify(server.logged())).not.toMatch(/hunter2|group/);
  });

  it("F-73: is patched once: what has its patch is allowed without a word, and without a patchType", async () => {
    const { patch, patchType } = await server.review("/mutate", requestOf());
    expect({ patch, patchType }).toEqual({ patch: expect.any(String), patchType: "JSONPatch" });
    const patched = jsonPatch.applyPatch(structuredClone(POD), patchesOf({ patch: patch ?? "" }), true).newDocument;
    expect(await server.review("/mutate", requestOf({ object: patched }))).toEqual(ALLOWED);
  });

  it("F-44: gets its own uid back, whatever it looks like", async () => {
    const uid = '<&>"\\u0041\\';
    expect((await server.review("/validate", requestOf({ uid }))).uid).toBe(uid);
  });

  it("F-45: is judged anew, though the body brings an answer of its own", async () => {
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
  const SCALE = { apiVersion: "autoscaling/v1", kind: "Scale", metadata: {}, spec: { replicas: 3 } };
  const mirror = { ...POD, metadata: { annotations: { "kubernetes.io/config.mirror": "0d8f" } } };
  const resource = (group: string, name: string) => ({ resource: { group, version: "v1", resource: name } });
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["a deletion", requestOf({ operation: "DELETE", object: null, oldObject: POD })],
    [
      "one of the deletions of a collection",
      requestOf({ operation: "DELETE", object: null, oldObject: POD, name: "" }),
    ],
    ...["exec", "attach", "portforward", "proxy"].map((subResource): [string, typeof POD] => [
      `a connection, ${subResource}`,
      requestOf({ operation: "CONNECT", subResource, object: { kind: "PodOptions" }, options: null }),
    ]),
    ["an eviction", requestOf({ subResource: "eviction", object: { kind: "Eviction" } })],
    ["a binding", requestOf({ subResource: "binding", object: { kind: "Binding" } })],
    ["a status", updateOf(POD, POD, { subResource: "status" })],
    ["ephemeral containers", updateOf(POD, POD, { subResource: "ephemeralcontainers" })],
    ["a resize", updateOf(POD, POD, { subResource: "resize" })],
    ["a finalize", updateOf(POD, POD, { subResource: "finalize", ...resource("", "namespaces") })],
    ["a scale", updateOf(SCALE, SCALE, { subResource: "scale", ...resource("apps", "deployments") })],
  ])("F-48, F-49, F-50, F-51, F-52: is allowed without a patch: %s", expectNotJudged);

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["an update of what is being deleted", updateOf(leaving, leaving)],
    ["a mirror Pod", requestOf({ object: mirror })],
  ])("F-64, F-68: is allowed without a patch: %s", expectNotJudged);

  it.each<[string, object]>([
    ["of a resource that no policy knows", {}],
    ["of a List", { kind: "List", items: [POD] }],
    ["of a Status", { kind: "Status", status: "Failure" }],
  ])("F-53, F-54: is allowed without a patch, and counted: %s", async (name, object) => {
    const labels = { phase: "validate", operation: "CREATE", resource: "other", verdict: "allowed" };
    const count = () => server.sample("portcullis_admission_reviews_total", labels);
    const before = await count();
    await expectNotJudged(name, requestOf({ object, ...resource("example.org", "widgets") }));
    expect(await count()).toBe(before + 1);
  });

  async function expectNotJudged(_name: string, request: Readonly<Record<string, unknown>>): Promise<void> {
    expect(await server.review("/validate", request)).toEqual(ALLOWED);
    expect(await server.review("/mutate", request)).toEqual(ALLOWED);
  }
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

  it("F-76, F-77: is an answer that the API server takes, as a denial and as warnings", async () => {
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
    "F-82: is a failed call, for failurePolicy to decide, and a log line without the object: %s",
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
