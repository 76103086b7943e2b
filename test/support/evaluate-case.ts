import { Ajv } from "ajv";
import { isTrustedController } from "../../src/kube/owners.ts";
import type { Rule, RuleInput, Verdict } from "../../src/rules/rule.ts";
import type { Case } from "./cases.ts";

const ajv = new Ajv({ strict: true, strictRequired: false, useDefaults: true });

/** What the rule is asked by a case. Throws where its params don't fit the schema. */
export function inputOfCase(rule: Rule, entry: Case): RuleInput<unknown> {
  const params: unknown = structuredClone(entry.params);
  if (!ajv.validate(rule.paramsSchema, params)) throw new Error(`${entry.name}: ${ajv.errorsText()}`);
  return {
    operation: entry.operation,
    object: entry.object,
    ...(entry.oldObject ? { oldObject: entry.oldObject } : {}),
    request: {
      resource: entry.resource,
      kind: String(entry.object.kind),
      namespace: entry.namespace,
      username: entry.username,
      trustedController: isTrustedController(entry.username, []),
    },
    now: entry.now,
    params: rule.compile ? rule.compile(params) : params,
    mutate: entry.mutate,
  };
}

/** What it says; `change` is laid over what it is asked. */
export function evaluateCase(rule: Rule, entry: Case, change: { readonly now?: Date } = {}): Verdict {
  return rule.evaluate({ ...inputOfCase(rule, entry), ...change });
}
