/** What goes into the server and must not come out of it: marks in every string of 500 objects, and all that leaves it searched. */
import { afterAll, describe, expect, it } from "vitest";
import { isRecord } from "../../src/kube/objects.ts";
import { rules } from "../../src/rules/index.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { createLoad } from "../../src/server/load.ts";
import { createSender } from "../fuzz/send.ts";
import { SOURCE, startTarget } from "../fuzz/target.ts";
import { shippedPolicies } from "../support/ask-pipeline.ts";
import { plantCanaries, sortsIn, withAllFields } from "../support/canaries.ts";
import { leaksInAnswer, leaksInLog } from "../support/leaks.ts";
import { asCreatedPod, markedRequests, recordedFiles } from "../support/marked-requests.ts";
import { policyOf, ruleOf, verdictOf } from "../support/policies.ts";
import { bytesOf, POD, requestOf, reviewOf } from "../support/reviews.ts";
import { type Answer, serve } from "../support/serve.ts";

const OBJECTS = 500;
/** The last is of an entry that nobody knows: it is judged by the policies of all entries. */
const PATHS = ["/mutate", "/validate", "/validate/0badc0de"];
type Request = Readonly<Record<string, unknown>>;

if (recordedFiles.length === 0) {
  it("recorded reviews", ({ skip }) => skip("there are none: generated ones take their place"));
}
const planted = markedRequests(OBJECTS);
const bodyOf = (request: Request) => bytesOf(reviewOf(request));

const server = await serve(shippedPolicies(), rules);
afterAll(() => server.close());

async function leaksInMetrics(): Promise<readonly string[]> {
  const lines = (await server.metrics.registry.metrics()).split("\n");
  return lines.filter((line) => sortsIn(line).length > 0);
}

async function expectNoLeak(answers: readonly Answer[]): Promise<void> {
  expect(answers.flatMap(leaksInAnswer)).toEqual([]);
  expect(leaksInLog(server.logged())).toEqual([]);
  expect(await leaksInMetrics()).toEqual([]);
}

describe("the marks", () => {
  const stringsOf = (value: unknown): readonly string[] => {
    if (typeof value === "string") return [value];
    return Array.isArray(value) || isRecord(value) ? Object.values(value).flatMap(stringsOf) : [];
  };

  it(`are in every string of ${OBJECTS} objects, and in all that comes with them`, () => {
    expect(planted).toHaveLength(OBJECTS);
    for (const { request } of planted) {
      const { object, oldObject, options, userInfo } = request;
      const unmarked = stringsOf([object, oldObject, options, userInfo]).filter((text) => sortsIn(text).length === 0);
      expect(unmarked).toEqual([]);
    }
  });

  it("are of all sorts, many of each", () => {
    for (const sort of ["name", "word", "secret"] as const) {
      expect(
        planted.reduce((sum, { counts }) => sum + counts[sort], 0),
        sort,
      ).toBeGreaterThan(2 * OBJECTS);
    }
  });
});

describe("G-26: of what an object holds, nothing but names is logged, counted or audited", () => {
  it("whatever the verdict is", async () => {
    server.clearLog();
    const answers: Answer[] = [];
    for (const { request } of planted) {
      for (const path of PATHS) answers.push(await server.send(path, { body: bodyOf(request) }));
    }
    await expectNoLeak(answers);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const verdicts = server.logged().map(({ verdict }) => verdict);
    for (const verdict of ["allowed", "denied", "patched", "skipped"]) {
      expect(verdicts.filter((own) => own === verdict).length, verdict).toBeGreaterThan(10);
    }
    const codes = server.logged().flatMap(({ violations = [] }) => (violations as readonly string[]).map(codeOf));
    expect(codes).toEqual(
      expect.arrayContaining(["SEC-ENV", "SEC-ENV-KEY", "SEC-ENV-URL", "VEL-UNKNOWN", "ING-PATTERN"]),
    );
    expect(new Set(codes).size).toBeGreaterThan(20);
    // The marks do get to where they may: else nothing has been searched.
    expect(server.logged().filter(({ user }) => sortsIn(String(user)).includes("name")).length).toBeGreaterThan(
      OBJECTS,
    );
    expect(answers.filter(({ body }) => sortsIn(body).includes("word")).length).toBeGreaterThan(50);
  });

  it.each<[string, number, (request: Request) => Parameters<typeof server.send>]>([
    ["encoding", 400, (request) => ["/validate", { body: Buffer.concat([bodyOf(request), Buffer.of(0xff)]) }]],
    ["json", 400, (request) => ["/validate", { body: Buffer.from(bodyOf(request)).subarray(0, -40) }]],
    [
      "json that V8 would quote",
      400,
      ({ object }) => ["/validate", { body: `{"a":${JSON.stringify(object)?.slice(-20)}` }],
    ],
    ["envelope", 400, (request) => ["/validate", { body: bytesOf({ ...reviewOf(request), kind: "cnrys1z" }) }]],
    ["request", 400, (request) => ["/mutate", { body: bodyOf({ ...request, operation: "cnrys1z" }) }]],
    ["request by its uid", 400, (request) => ["/validate", { body: bodyOf({ ...request, uid: "cnrys1z\n" }) }]],
    [
      "object",
      400,
      (request) => ["/validate", { body: bodyOf({ ...request, object: { metadata: { labels: { a: [request] } } } }) }],
    ],
    [
      "media type",
      415,
      (request) => ["/validate", { headers: { "Content-Type": "text/cnrys1z" }, body: bodyOf(request) }],
    ],
    ["deadline", 504, (request) => ["/validate?timeout=0s", { body: bodyOf(asCreatedPod(request)) }]],
    ["path", 404, (request) => ["/cnrys1z", { body: bodyOf(request) }]],
  ])("when the answer is an error: %s", async (_name, status, messageOf) => {
    server.clearLog();
    const answers: Answer[] = [];
    for (const { request } of planted.slice(0, 60)) answers.push(await server.send(...messageOf(request)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([status]));
    await expectNoLeak(answers);
  });

  it("when it is asked about policies, whose own text the answer may quote", async () => {
    server.clearLog();
    const config = { group: "", version: "v1", resource: "configmaps" };
    const data = { "a.yaml": "kind: Policy\nspec: {rule: cnrys1z, cnrys2z: 1}", "b.yaml": "{cnrys3z" };
    const metadata = { name: "cnryn1z", labels: { "portcullis.dev/policies": "true" } };
    const request = requestOf({ resource: config, object: { kind: "ConfigMap", metadata, data } });
    const answer = await server.send("/validate/policies", { body: bodyOf(request) });
    expect(JSON.parse(answer.body).response.allowed).toBe(false);
    expect(JSON.parse(answer.body).response.auditAnnotations).toBeUndefined();
    expect(server.logged()).toHaveLength(1);
    await expectNoLeak([]);
  });

  it("when a body is too large to be read", async () => {
    server.clearLog();
    const body = Buffer.alloc(33 * 1024 * 1024, `${Buffer.from(bodyOf(planted[0]?.request ?? {})).toString()} `);
    const answer = await server.send("/validate", { body });
    expect(answer.status).toBe(413);
    await expectNoLeak([answer]);
  });

  it("when there is no room for a call", async () => {
    const full = await serve([], [], { load: createLoad(() => false, { maxRequests: 0, maxBytes: 0 }) });
    const answers: Answer[] = [];
    for (const { request } of planted.slice(0, 60))
      answers.push(await full.send("/validate", { body: bodyOf(request) }));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([429]));
    expect(answers.flatMap(leaksInAnswer)).toEqual([]);
    expect(leaksInLog(full.logged())).toEqual([]);
    await full.close();
  });

  it("when a rule throws what it was given", async () => {
    const throwing = ruleOf(({ object }) => {
      throw new TypeError(JSON.stringify(object));
    });
    server.clearLog();
    server.use({ policies: [policyOf(throwing)] });
    const pods = planted.map(({ request }) => asCreatedPod(request)).slice(0, 60);
    const answers: Answer[] = [];
    for (const request of pods) answers.push(await server.send("/validate", { body: bodyOf(request) }));
    server.use({ policies: shippedPolicies() });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([500]));
    expect(server.logged().length).toBeGreaterThan(0);
    await expectNoLeak(answers);
  });
});

/** Of `policy/CODE/effect`. */
function codeOf(violation: string): string {
  return violation.split("/")[1] ?? "";
}

describe("G-26: the program itself", () => {
  it("writes and serves nothing else, at debug", { timeout: 60_000 }, async () => {
    const target = await startTarget(SOURCE, { LOG_LEVEL: "debug" }, 10_000_000);
    const sender = createSender(target);
    const answers: string[] = [];
    for (const { request } of planted.slice(0, 200)) {
      for (const path of [...PATHS, "/validate/canary"]) {
        const bytes = Buffer.from(bodyOf(request));
        const answer = await sender.send({ kind: "body", path, contentType: "application/json", bytes });
        answers.push(JSON.stringify(answer));
      }
    }
    const metrics = await fetch(`http://127.0.0.1:${target.healthPort}/metrics`).then((response) => response.text());
    const ready = await fetch(`http://127.0.0.1:${target.healthPort}/readyz`).then((response) => response.text());
    sender.close();
    // The log is written behind the answers.
    const countReviews = () => target.lastOutput().split('"msg":"review"').length - 1;
    await expect.poll(countReviews, { timeout: 10_000 }).toBeGreaterThanOrEqual(800);
    await target.stop();
    const lines: readonly Request[] = target
      .lastOutput()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(leaksInLog(lines)).toEqual([]);
    expect(sortsIn(`${metrics}${ready}${target.stderr()}`)).toEqual([]);
    expect(answers.filter((answer) => sortsIn(answer).includes("secret"))).toEqual([]);
  });
});

describe("control: a rule that gives a secret away is found", () => {
  const object = { ...POD, data: { password: "hunter2" } };
  const { request } = plantCanaries(withAllFields(requestOf({ object })));
  const secretOf = (given: Readonly<Record<string, unknown>>) => String((given.data as { password?: string }).password);
  const asked = async (rule: Rule) => {
    server.clearLog();
    server.use({ policies: [policyOf(rule, { validationActions: ["Warn"] })] });
    const answer = await server.send("/validate", { body: bodyOf(request) });
    server.use({ policies: shippedPolicies() });
    return answer;
  };

  it("in the answer", async () => {
    const answer = await asked(ruleOf(({ object: given }) => verdictOf({ message: `not ${secretOf(given)}` })));
    expect(leaksInAnswer(answer)).toHaveLength(1);
    expect(leaksInLog(server.logged())).toEqual([]);
  });

  it("in the audit annotations, the log and the metrics", async () => {
    const answer = await asked(ruleOf(({ object: given }) => verdictOf({ code: secretOf(given) })));
    expect(leaksInAnswer(answer)).toHaveLength(2);
    expect(leaksInLog(server.logged())).toHaveLength(1);
    expect(await leaksInMetrics()).not.toEqual([]);
  });

  it("in a line that says more than it may, under a name of its own or another's", () => {
    expect(leaksInLog([{ msg: "review", user: "alicecnryn1z" }])).toEqual([]);
    expect(leaksInLog([{ msg: "review", user: "alicecnryw1z" }])).toHaveLength(1);
    expect(leaksInLog([{ msg: "review", labels: { app: "webcnryw1z" } }])).toHaveLength(1);
  });
});
