/** Each rule that ships with a bug in it: the call fails, nobody hears of the object, and the next call is answered. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Phase } from "../../src/policy/policy.ts";
import { rules } from "../../src/rules/index.ts";
import type { Rule, RuleInput } from "../../src/rules/rule.ts";
import { casesOf } from "../support/cases.ts";
import { policyOf } from "../support/policies.ts";
import { requestOfCase } from "../support/request-of-case.ts";
import { bytesOf, reviewOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const MARK = "hunter2";

const faults: readonly [string, (input: RuleInput<unknown>) => never][] = [
  [
    "an error that quotes the object",
    ({ object }) => {
      throw new TypeError(`can't read ${JSON.stringify(object)}`);
    },
  ],
  [
    "an error whose message looks like a stack",
    () => {
      throw new Error(`no such key:\n    at ${MARK} (file:///${MARK}.ts:1:1)\n    at ${MARK}`);
    },
  ],
  [
    "a string",
    ({ object }) => {
      throw JSON.stringify(object);
    },
  ],
  [
    "null",
    () => {
      throw null;
    },
  ],
  [
    "the object",
    ({ object }) => {
      throw object;
    },
  ],
];

const server = await serve([]);
afterAll(() => server.close());
beforeEach(() => server.clearLog());

const phasesOf = (rule: Rule): readonly Phase[] => (rule.mutates ? ["validate", "mutate"] : ["validate"]);
const broken = rules.flatMap((rule) => phasesOf(rule).map((phase) => [rule.id, phase, rule] as const));

describe.each(broken)("F-82: %s that throws, asked to %s", (_id, phase, rule) => {
  const entry = casesOf(rule).find(({ patched }) => phase === "validate" || patched !== undefined);
  if (!entry) throw new Error(`${rule.id} has no case for ${phase}`);
  const object = { ...entry.object, data: { password: MARK }, status: { message: MARK } };
  const body = bytesOf(reviewOf(requestOfCase(entry, object)));

  it.each(faults)("%s: the call fails and is counted, and the next is answered", async (_name, fault) => {
    let isBroken = true;
    const evaluate: Rule["evaluate"] = (input) => (isBroken ? fault(input) : rule.evaluate(input));
    const policy = policyOf({ ...rule, evaluate }, { params: entry.params, ...(rule.mutates ? { mutate: true } : {}) });
    server.use({ policies: [policy], now: entry.now });
    const countErrors = () => server.sample("portcullis_admission_errors_total", { phase, error: "internal" });
    const before = await countErrors();

    const answer = await server.send(`/${phase}`, { body });
    expect(answer.status).toBe(500);
    expect(await countErrors()).toBe(before + 1);
    expect(server.logged()).toMatchObject([{ level: "error", msg: "a rule failed: this is a bug" }]);
    expect(JSON.stringify([answer, server.logged()])).not.toContain(MARK);

    isBroken = false;
    expect((await server.send(`/${phase}`, { body })).status).toBe(200);
    expect(await countErrors()).toBe(before + 1);
  });
});
