/** Which policies judge a request whose body comes while they change. The program itself: policy-reload-program.test.ts. */
import { once } from "node:events";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { entryOf, type Policy } from "../../src/policy/policy.ts";
import { policyOf, ruleOf, ruleThatFinds, verdictOf } from "../support/policies.ts";
import { bytesOf, patchesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { serve, type TestServer } from "../support/serve.ts";

const BODY = Buffer.from(bytesOf(reviewOf(requestOf()))).toString();
const STRICT = [policyOf(ruleThatFinds({ message: "the old policy says no" }), {}, "strict")];
const LENIENT = [policyOf(ruleThatFinds({}), { validationActions: ["Audit"] }, "lenient")];

let server: TestServer;
beforeEach(async () => {
  server = await serve([]);
});
afterEach(() => server.close());

/** Sends the head and a part of the body; returns what sends the rest and gives the response. */
async function begin(socket: TLSSocket, path: string, sentBytes: number) {
  const requested = once(server.server, "request");
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`,
  );
  socket.write(BODY.slice(0, sentBytes));
  await requested;
  return async () => {
    const answered = once(socket, "data");
    socket.write(BODY.slice(sentBytes));
    const [head, body] = String(await answered).split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    return JSON.parse(body ?? "").response;
  };
}

describe("a request whose body comes while the policies change", () => {
  it.each<[string, readonly Policy[], readonly Policy[], boolean]>([
    ["to lenient ones, is refused by the strict ones that it began with", STRICT, LENIENT, false],
    ["to strict ones, is allowed by the lenient ones that it began with", LENIENT, STRICT, true],
    ["to none, is refused by those that it began with", STRICT, [], false],
  ])("%s; the next one on its connection is judged by the new ones", async (_name, before, after, allowed) => {
    server.use({ policies: before });
    const socket = await server.openSocket();
    const finish = await begin(socket, "/validate", 40);
    server.use({ policies: after });
    // Whoever begins now is judged by the new ones, while the first is still being read.
    expect((await server.review("/validate", requestOf())).allowed).toBe(!allowed);
    expect((await finish()).allowed).toBe(allowed);
    expect((await (await begin(socket, "/validate", 40))()).allowed).toBe(!allowed);
  });

  it("of which nothing has come yet but the head, is judged by those of that moment, however often they change", async () => {
    server.use({ policies: STRICT });
    const finish = await begin(await server.openSocket(), "/validate", 0);
    for (const policies of [LENIENT, [], LENIENT]) server.use({ policies });
    const response = await finish();
    expect(response.allowed).toBe(false);
    expect(response.status.message).toContain("the old policy says no");
  });

  it("is patched by the policies that it began with", async () => {
    const adding = (value: string) => {
      const rule = ruleOf(() => ({ ...verdictOf(), patches: [{ op: "add", path: "/metadata/labels/by", value }] }));
      return [policyOf(rule, {}, value)];
    };
    server.use({ policies: adding("old") });
    const finish = await begin(await server.openSocket(), "/mutate", 40);
    server.use({ policies: adding("new") });
    expect(patchesOf(await finish())).toEqual([{ op: "add", path: "/metadata/labels/by", value: "old" }]);
  });

  it("is judged by the entry as it was, though no policy asks for it any more", async () => {
    const labelled = { match: { objectSelector: { matchLabels: { app: "web" } } } };
    const policy = policyOf(ruleThatFinds({}), labelled, "labelled");
    server.use({ policies: [policy] });
    const path = `/validate/${entryOf("validate", policy)}`;
    const finish = await begin(await server.openSocket(), path, 40);
    server.use({ policies: LENIENT });
    expect((await finish()).allowed).toBe(false);
  });
});
