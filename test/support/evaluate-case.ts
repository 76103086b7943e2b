import { Ajv } from "ajv";
import { isTrustedController } from "../../src/kube/owners.ts";
import type { Rule, Verdict } from "../../src/rules/rule.ts";
import type { Case } from "./cases.ts";

const ajv = new Ajv({ strict: true, strictRequired: false, useDefaults: true });

/** What the rule says to a case; `change` is laid over what it is asked. */
export function evaluateCase(rule: Rule, entry: Case, change: { readonly now?: Date } = {}): Verdict {
  const params: unknown = structuredClone(entry.params);
  if (!ajv.validate(rule.paramsSchema, params)) throw new Error(`${entry.name}: ${ajv.errorsText()}`);
  return rule.evaluate({
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
    ...change,
  });
}
