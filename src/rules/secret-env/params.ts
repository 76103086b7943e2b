import type { FromSchema, JSONSchema } from "json-schema-to-ts";
import { compileNames, type NameTest } from "./names.ts";

/**
 * No regular expressions, and no `*` in the middle: an object has room for a hundred thousand variables, each of which is
 * compared with every pattern.
 */
const namePatterns = {
  type: "array",
  maxItems: 32,
  uniqueItems: true,
  items: { type: "string", minLength: 1, maxLength: 128, pattern: "^\\*?[^*]*\\*?$" },
} as const;

export const paramsSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    names: {
      ...namePatterns,
      description:
        "Further names of secrets; * at the beginning or the end stands for any characters, and case doesn't count.",
      default: [],
    },
    allowedNames: {
      ...namePatterns,
      description: "Names of variables that are not judged at all, whatever they hold; as in names.",
      default: [],
    },
    identities: {
      type: "boolean",
      description: "Whether names of accounts, such as MINIO_ROOT_USER, are reported too (SEC-ENV-IDENTITY).",
      default: false,
    },
  },
} as const satisfies JSONSchema;

export type Params = FromSchema<typeof paramsSchema>;

export interface CompiledParams {
  readonly isSecretName: NameTest;
  readonly isAllowedName: NameTest;
  readonly identities: boolean;
}

export function compileParams({ names, allowedNames, identities }: Params): CompiledParams {
  return { isSecretName: compileNames(names), isAllowedName: compileNames(allowedNames), identities };
}
