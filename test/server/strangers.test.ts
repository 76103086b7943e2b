/** Callers that are not the API server: any Pod can reach the port, and learns nothing but a verdict on what it sends itself. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { CANARY_ENTRY, entryOf } from "../../src/policy/policy.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { type Answer, type Message, serve } from "../support/serve.ts";

const WORDS = ["confidential-policy", "confidential-namespace", "confidential-team", "confidential-account"];
const confidential = policyOf(
  ruleThatFinds(),
  {
    match: {
      namespaces: { exclude: ["confidential-namespace"] },
      objectSelector: { matchLabels: { team: "confidential-team" } },
      subjects: { exclude: [{ kind: "User", name: "confidential-account" }] },
    },
  },
  "confidential-policy",
);
const ENTRY = entryOf("validate", confidential);

const busy = await serve([confidential]);
const idle = await serve([]);
afterAll(() => Promise.all([busy.close(), idle.close()]));
beforeEach(() => busy.clearLog());

const REVIEW = bytesOf(reviewOf(requestOf()));
const BODY = { method: "POST", body: REVIEW };
const calls: readonly [string, Message][] = [
  ...["/", "/metrics", "/healthz", "/readyz", "/debug/pprof", "/configz", "/api", "/policies", "/favicon.ico"].flatMap(
    (path): [string, Message][] => [
      [path, { method: "GET" }],
      [path, BODY],
    ],
  ),
  ["/validate", { method: "GET" }],
  ["/validate", { method: "OPTIONS", headers: { Origin: "https://example.org" } }],
  ["/mutate", { method: "TRACE" }],
  ["/validate", { body: "{" }],
  ["/validate", { body: "{}" }],
  ["/validate", { ...BODY, headers: { "Content-Type": "text/plain" } }],
  ["/validate?timeout=0s", BODY],
  ["/validate", BODY],
  ["/mutate", BODY],
];

/** All that may differ between two answers to the same call, left out. */
function essence({ status, headers: { date: _, ...headers }, body }: Answer): object {
  return { status, headers, body };
}

describe("F-104: a stranger's call", () => {
  it.each(calls)("%s %o is answered as a server without policies would", async (path, message) => {
    expect(essence(await busy.send(path, message))).toEqual(essence(await idle.send(path, message)));
  });

  it.each(calls)("%s %o gets no header that tells of the software", async (path, message) => {
    const { headers } = await busy.send(path, message);
    const known = ["allow", "connection", "content-length", "content-type", "date", "keep-alive"];
    expect(Object.keys(headers).filter((name) => !known.includes(name))).toEqual([]);
  });

  it("doesn't find out which entries there are, but by the verdict on an object of its own", async () => {
    const [known, unknown] = [await busy.send(`/validate/${ENTRY}`, BODY), await busy.send("/validate/0badc0de", BODY)];
    expect(essence(known)).toEqual(essence(unknown));
    for (const word of WORDS) expect(known.body).not.toContain(word);
  });

  it("in the name of somebody privileged changes nothing, and tells nothing of others", async () => {
    const privileged = ["system:admin", "system:serviceaccount:kube-system:replicaset-controller", WORDS[3]];
    for (const username of privileged) {
      const userInfo = { username, groups: ["system:masters"] };
      const { status, body } = await busy.send("/validate", { body: bytesOf(reviewOf(requestOf({ userInfo }))) });
      expect({ status, body }).toEqual({ status: 200, body: (await idle.send("/validate", BODY)).body });
    }
  });

  it("of the canary is refused, which is no secret", async () => {
    const [{ body }, { body: without }] = [
      await busy.send(`/validate/${CANARY_ENTRY}`, BODY),
      await idle.send(`/validate/${CANARY_ENTRY}`, BODY),
    ];
    expect(body).toBe(without);
  });

  it("that is no review is worth a line or none, not one each", async () => {
    let sent = 0;
    for (let times = 0; times < 20; times++) {
      for (const [path, message] of calls.slice(0, -2)) {
        await busy.send(path, message);
        sent++;
      }
    }
    expect(busy.logged().length).toBeLessThan(sent / 50);
  });
});
