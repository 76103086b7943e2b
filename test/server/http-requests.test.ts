/** What is well-formed HTTP and still no review. */
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const server = await serve([policyOf(ruleThatFinds())]);
afterAll(() => server.close());
const REVIEW = bytesOf(reviewOf(requestOf()));

describe("a method other than POST", () => {
  const methods = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
  const paths = ["/mutate", "/validate", "/validate/canary", "/mutate/0badc0de?timeout=5s"];
  it.each(methods.flatMap((method) => paths.map((path) => [method, path])))(
    "is told that POST is allowed: %s %s",
    async (method, path) => {
      const answer = await server.send(path, { method });
      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toBe("POST");
    },
  );
});

describe("a path that is none of ours", () => {
  const paths = [
    "/",
    "/validate/",
    "/mutate/canary/",
    "//validate",
    "/validate//canary",
    "/%76alidate",
    "/validate%2fcanary",
    "/validate/%2e%2e/mutate",
    "/validate/../mutate",
    "/Validate",
    "/validate/CANARY",
    "/validate/a.b",
    "/validate/canary/more",
    `/validate/${"a".repeat(64)}`,
    "/validated",
    "/convert",
    "/healthz",
    "/readyz",
    "/metrics",
    "/validate;a=b",
    "/%",
  ];
  it.each(paths)("is answered with 404 and nothing else, never with a redirect: %s", async (path) => {
    const answers = [await server.send(path, { body: REVIEW }), await server.send(path, { method: "GET" })];
    for (const { status, body } of answers) {
      expect(status).toBe(404);
      expect(JSON.parse(body).message).toBe("not found");
    }
  });
});

describe("a body that is not said to be JSON", () => {
  it.each([
    "application/yaml",
    "text/plain",
    "application/vnd.kubernetes.protobuf",
    "application/json-patch+json",
    "application/jsonp",
    "",
  ])("is not read: %j", async (type) => {
    const answer = await server.send("/validate", { headers: { "Content-Type": type }, body: REVIEW });
    expect(answer.status).toBe(415);
  });

  it.each(["utf-16", "latin1", "utf-8-ish"])("in UTF-8 is not read: %s", async (charset) => {
    const headers = { "Content-Type": `application/json; charset=${charset}` };
    expect((await server.send("/validate", { headers, body: REVIEW })).status).toBe(415);
  });

  it.each([
    "application/json",
    "application/json; charset=utf-8",
    'application/json;charset="UTF-8"',
    "Application/JSON; profile=x; Charset=UTF8",
  ])("is read when it is: %s", async (type) => {
    const answer = await server.send("/validate", { headers: { "Content-Type": type }, body: REVIEW });
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
  });
});

describe("a body that is encoded", () => {
  it.each(["gzip", "br", "deflate", "zstd", "identity", "gzip, gzip"])("is not read: %s", async (encoding) => {
    const answer = await server.send("/validate", { headers: { "Content-Encoding": encoding }, body: REVIEW });
    expect(answer.status).toBe(415);
  });

  it("is not inflated, even where it would be a gigabyte", async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(64 * 1024 * 1024)));
    const headers = { "Content-Encoding": "gzip, gzip" };
    expect((await server.send("/validate", { headers, body: bomb })).status).toBe(415);
    expect((await server.send("/validate", { body: bomb })).status).toBe(400);
  });
});

describe("a body that is no review", () => {
  it.each<[string, string | Uint8Array]>([
    ["empty", ""],
    ["null", "null"],
    ["cut short", REVIEW.slice(0, -1)],
    ["not in UTF-8", Buffer.from('"\u00ff"', "latin1")],
    ["of v1beta1", Buffer.from(REVIEW).toString().replace("k8s.io/v1", "k8s.io/v1beta1")],
    ["about nothing", bytesOf(reviewOf(requestOf({ object: null })))],
    ["about labels that are no strings", bytesOf(reviewOf(requestOf({ object: { metadata: { labels: { a: 1 } } } })))],
  ])("is the caller's mistake: %s", async (_name, body) => {
    for (const path of ["/mutate", "/validate", "/validate/0badc0de"]) {
      expect((await server.send(path, { body })).status).toBe(400);
    }
  });

  it("is not quoted in the answer", async () => {
    const { body } = await server.send("/validate", { body: '{"password":hunter2}' });
    expect(JSON.parse(body).message).toBe("the body is not JSON");
  });
});

it("what went wrong is counted by phase and error, and nothing of it is logged", async () => {
  const count = (error: string) => server.sample("portcullis_admission_errors_total", { phase: "mutate", error });
  const before = await Promise.all([count("json"), count("media-type")]);
  server.clearLog();
  await server.send("/mutate", { body: "{" });
  await server.send("/mutate", { body: "{}", headers: { "Content-Type": "text/plain" } });
  expect(await Promise.all([count("json"), count("media-type")])).toEqual(before.map((value) => value + 1));
  expect(server.logged()).toEqual([]);
});
