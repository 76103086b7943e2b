/** manifests/policy.schema.json: what editors complete and check policy files by. The server checks more, and in better words. */
import { EXCEPTION_SCHEMA, policySchema } from "../../../src/policy/schema.ts";
import type { Rule } from "../../../src/rules/rule.ts";

/** Of draft 7, which the YAML language server knows. */
export function renderPolicySchema(rules: readonly Rule[]): string {
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "portcullis: policies and exceptions",
    $comment: "Made by `npm run docs` from src/policy/schema.ts and the rules.",
    type: "object",
    required: ["kind"],
    properties: { kind: { enum: ["Policy", "Exception"] } },
    if: { properties: { kind: { const: "Exception" } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: EXCEPTION_SCHEMA,
    else: { allOf: [policySchema(rules), ...rules.map(schemaOfRule)] },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** What a policy of this rule may say, and another may not. */
function schemaOfRule({ id, paramsSchema, codes, resources }: Rule) {
  const code = { enum: codes.map((row) => row.code) };
  const resource = {
    enum: resources.flatMap(({ group, resources: plurals }) =>
      plurals.map((plural) => (group === "" ? plural : `${plural}.${group}`)),
    ),
  };
  const spec = {
    properties: {
      params: paramsSchema,
      match: { properties: { resources: { items: resource } } },
      severities: { propertyNames: code },
      exceptions: { items: { properties: { codes: { items: code } } } },
    },
  };
  return {
    if: { required: ["spec"], properties: { spec: { required: ["rule"], properties: { rule: { const: id } } } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { spec } },
  };
}
