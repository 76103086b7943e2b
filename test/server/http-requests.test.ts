/** What is well-formed HTTP and still no review. */
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const server = await serve([policyOf(ruleThatFinds())]);
afterAll(() => server.close());
afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(true));
const REVIEW = bytesOf(reviewOf(requestOf()));

describe("F-8: a method other than POST", () => {
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

describe("F-9: a path that is none of ours", () => {
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
  ])("F-24: is not read: %j", async (type) => {
    const answer = await server.send("/validate", { headers: { "Content-Type": type }, body: REVIEW });
    expect(answer.status).toBe(415);
  });

  it.each(["utf-16", "latin1", "utf-8-ish"])("F-25: in UTF-8 is not read: %s", async (charset) => {
    const headers = { "Content-Type": `application/json; charset=${charset}` };
    expect((await server.send("/validate", { headers, body: REVIEW })).status).toBe(415);
  });

  it.each([
    "application/json",
    "application/json; charset=utf-8",
    'application/json;charset="UTF-8"',
    "Application/JSON; profile=x; Charset=UTF8",
  ])("F-25: is read when it is: %s", async (type) => {
    const answer = await server.send("/validate", { headers: { "Content-Type": type }, body: REVIEW });
    expect(JSON.parse(answer.body).response).toEqual({ uid: UID, allowed: true });
  });
});

describe("a body that is no review", () => {
  const text = Buffer.from(REVIEW).toString();
  const withByte = (byte: string) => Buffer.from(text.replace("alice", `al${byte}ce`), "latin1");

  it("F-21: of no bytes is the caller's mistake", () => refused(""));

  it.each(["null", "[]", '"x"', "1", "true", "{}"])("F-22: that is %s is the caller's mistake", refused);

  it.each<[string, string]>([
    ["cut short", text.slice(0, -1)],
    ["with something behind it", `${text}}`],
    ["and another one", `${text}\n${text}`],
  ])("F-23: %s is the caller's mistake", (_name, body) => refused(body));

  it.each<[string, Uint8Array]>([
    ["with a byte that is not UTF-8", withByte("\u00ff")],
    ["with an overlong form", withByte("\u00c0\u00af")],
    ["with a byte order mark", Buffer.from(`\ufeff${text}`)],
    ["with a raw NUL", withByte("\0")],
  ])("F-29: %s is the caller's mistake", (_name, body) => refused(body));

  it.each<[string, Uint8Array]>([
    ["of v1beta1", Buffer.from(text.replace("k8s.io/v1", "k8s.io/v1beta1"))],
    ["about nothing", bytesOf(reviewOf(requestOf({ object: null })))],
    ["about labels that are no strings", bytesOf(reviewOf(requestOf({ object: { metadata: { labels: { a: 1 } } } })))],
  ])("%s is the caller's mistake", (_name, body) => refused(body));

  async function refused(body: Uint8Array | string): Promise<void> {
    for (const path of ["/mutate", "/validate", "/validate/0badc0de"]) {
      expect((await server.send(path, { body })).status).toBe(400);
    }
  }

  it("F-23: is not quoted in the answer", async () => {
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
