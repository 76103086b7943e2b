/** manifests/policy.schema.json: what editors complete and check policy files by. The server checks more, and in better words. */
import { groupResource } from "../../../src/kube/objects.ts";
import { ENFORCEMENT_SCHEMA, EXCEPTION_SCHEMA, policySchema } from "../../../src/policy/schema.ts";
import type { Rule } from "../../../src/rules/rule.ts";

/** The compiler has better words for a day that is none. */
const UNTIL = { pattern: "^\\d{4}-\\d{2}-\\d{2}$" };

/** Of draft 7, which the YAML language server knows. */
export function renderPolicySchema(rules: readonly Rule[]): string {
  const code = { enum: rules.flatMap(({ codes }) => codes.map((row) => row.code)) };
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    $id: "https://portcullis.dev/v1alpha1/policy.schema.json",
    title: "portcullis: policies, exceptions and enforcement",
    $comment: "Made by `npm run docs` from src/policy/schema.ts and the rules.",
    type: "object",
    required: ["kind"],
    properties: { kind: { enum: ["Policy", "Exception", "Enforcement"] } },
    if: { properties: { kind: { const: "Exception" } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      allOf: [EXCEPTION_SCHEMA, { properties: { spec: { properties: { codes: { items: code }, until: UNTIL } } } }],
    },
    else: {
      if: { properties: { kind: { const: "Enforcement" } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: ENFORCEMENT_SCHEMA,
      else: { allOf: [policySchema(rules), ...rules.map(schemaOfRule)] },
    },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** What a policy of this rule may say, and another may not. */
function schemaOfRule({ id, summary, paramsSchema, codes, resources, mutates }: Rule) {
  const code = { enum: codes.map((row) => row.code) };
  const resource = {
    enum: resources.flatMap((row) => row.resources.map((plural) => groupResource({ ...row, resource: plural }))),
  };
  const { required = [] } = paramsSchema as { readonly required?: readonly string[] };
  const spec = {
    ...(required.length > 0 ? { required: ["params"] } : {}),
    properties: {
      params: { ...paramsSchema, description: summary },
      match: { properties: { resources: { items: resource } } },
      // Names to complete, with what they stand for.
      severities: {
        propertyNames: code,
        properties: Object.fromEntries(
          codes.map((row) => [row.code, { description: `By default ${row.severity}: ${row.summary}` }]),
        ),
      },
      exceptions: { items: { properties: { codes: { items: code }, until: UNTIL } } },
      ...(mutates ? {} : { mutate: { const: false } }),
    },
  };
  return {
    if: { required: ["spec"], properties: { spec: { required: ["rule"], properties: { rule: { const: id } } } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { spec } },
  };
}
