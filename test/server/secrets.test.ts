/** Reviews of Secrets that go wrong: nothing that is answered, logged or counted holds a byte of what they hold. */
import { afterAll, beforeEach, expect, it } from "vitest";
import { policyOf, ruleOf, ruleThatFinds } from "../support/policies.ts";
import { requestOf, reviewOf } from "../support/reviews.ts";
import { type Message, serve } from "../support/serve.ts";

const MARK = "hunter2-of-the-secret";
const DATA = Buffer.from(MARK).toString("base64");
const SECRETS = [{ group: "", version: "v1", resources: ["secrets"], operations: ["CREATE" as const] }];

const secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "credentials", namespace: "application", annotations: { "last-applied": MARK } },
  data: { [MARK]: DATA },
  stringData: { password: MARK },
};
const review = (parts: object = {}): string =>
  JSON.stringify(
    reviewOf(
      requestOf({
        resource: { group: "", version: "v1", resource: "secrets" },
        kind: { group: "", version: "v1", kind: "Secret" },
        object: secret,
        oldObject: secret,
        ...parts,
      }),
    ),
  );

/** An administrator may give a rule of their own any resource, and make any mistake in it. */
const finds = policyOf({ ...ruleThatFinds({ message: "there is something wrong" }), resources: SECRETS });
const throws = policyOf({
  ...ruleOf(({ object }) => {
    throw new Error(JSON.stringify(object));
  }),
  resources: SECRETS,
});

const server = await serve([finds]);
afterAll(() => server.close());
beforeEach(() => {
  server.clearLog();
  server.use({ policies: [finds] });
});

const TEXT_PLAIN = { "Content-Type": "text/plain" };
const labels = { ...secret.metadata, labels: { [MARK]: 1 } };
it.each<[number, string, string, Message]>([
  [200, "as it is, and refused", "/validate", { body: review() }],
  [200, "on an entry of others", "/validate/0badc0de", { body: review() }],
  [400, "cut short", "/validate", { body: review().slice(0, -10) }],
  [400, "with a word that is no JSON", "/validate", { body: review().replace(`"${MARK}"`, MARK) }],
  [400, "not in UTF-8", "/validate", { body: Buffer.from(review().replace(MARK, `\u00ff${MARK}`), "latin1") }],
  [400, "with labels that are none", "/validate", { body: review({ object: { ...secret, metadata: labels } }) }],
  [400, "in place of the metadata", "/validate", { body: review({ object: { ...secret, metadata: MARK } }) }],
  [400, "in place of the uid", "/validate", { body: review({ uid: { [MARK]: DATA } }) }],
  [400, "in place of the operation", "/validate", { body: review({ operation: MARK }) }],
  [415, "said to be text", "/validate", { body: review(), headers: TEXT_PLAIN }],
  [504, "too late", "/validate?timeout=0s", { body: review() }],
  [404, "to nowhere", `/${DATA}`, { body: review() }],
])("F-116: a Secret gets %i %s, and is told to nobody", async (status, _name, path, message) => {
  const answer = await server.send(path, message);
  expect(answer.status).toBe(status);
  await expectUntold(answer.body);
});

it("F-116: a Secret that a faulty rule has thrown is told to nobody", async () => {
  server.use({ policies: [throws] });
  const answer = await server.send("/validate", { body: review() });
  expect(answer.status).toBe(500);
  await expectUntold(answer.body);
});

async function expectUntold(body: string): Promise<void> {
  const told = [body, JSON.stringify(server.logged()), await server.metrics.registry.metrics()];
  for (const mark of [MARK, DATA]) expect(told.filter((text) => text.includes(mark))).toEqual([]);
}
