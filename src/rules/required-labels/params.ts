/** What a policy can ask for, and what it becomes when it loads. */
import type { FromSchema } from "json-schema-to-ts";
import { compileLinearRegex, type LinearRegex } from "../../kube/linear-regex.ts";
import { InvalidParams, type ParamsProblem } from "../rule.ts";

/** A label key: a DNS-1123 subdomain and a slash, if any, before at most 63 characters. */
const LABEL_KEY =
  "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

export const paramsSchema = {
  type: "object",
  additionalProperties: false,
  required: ["labels"],
  properties: {
    labels: {
      description: "The labels that every object must carry; each entry has to be met.",
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        additionalProperties: false,
        required: ["anyOf"],
        properties: {
          anyOf: {
            description:
              "Label keys, of which at least one must be set to an accepted value; suggestions name the first.",
            type: "array",
            minItems: 1,
            uniqueItems: true,
            // 253 for the prefix, 63 for the name, and the slash.
            items: { type: "string", maxLength: 317, pattern: LABEL_KEY },
          },
          where: {
            description:
              "Whose labels: the object's own (metadata), those of the Pods that it makes (template), or both. A Pod is asked for its own whatever stands here.",
            enum: ["metadata", "template", "both"],
            default: "metadata",
          },
          allowEmpty: {
            description: "Whether an empty value counts as set; it is then accepted whatever allowedRegex says.",
            type: "boolean",
            default: false,
          },
          allowedRegex: {
            description: "RE2 pattern that the whole value must match, anchored or not; at most 1024 characters.",
            type: "string",
            minLength: 1,
          },
        },
      },
    },
    forbiddenPrefixes: {
      description:
        "Beginnings of label keys (for example `billing.example.org/`) that only privilegedUsers may set, change or remove.",
      type: "array",
      items: { type: "string", minLength: 1 },
      default: [],
    },
    privilegedUsers: {
      description: "Usernames, written out in full, to whom forbiddenPrefixes do not apply.",
      type: "array",
      items: { type: "string", minLength: 1 },
      default: [],
    },
  },
} as const;

export type Params = FromSchema<typeof paramsSchema>;

/** One entry of `labels`: met when any of its keys has an accepted value. */
export interface LabelChoice {
  readonly anyOf: readonly string[];
  readonly where: "metadata" | "template" | "both";
  readonly allowEmpty: boolean;
  readonly allowedRegex?: LinearRegex;
}

export function isAccepted({ allowEmpty, allowedRegex }: LabelChoice, value: string): boolean {
  if (value === "") return allowEmpty;
  return allowedRegex === undefined || allowedRegex.matches(value);
}

export interface CompiledParams {
  readonly choices: readonly LabelChoice[];
  readonly forbiddenPrefixes: readonly string[];
  readonly privilegedUsers: readonly string[];
}

/** Throws InvalidParams with every pattern that can't be used. */
export function compileParams({ labels, forbiddenPrefixes, privilegedUsers }: Params): CompiledParams {
  const problems: ParamsProblem[] = [];
  const choices = labels.map(({ allowedRegex: pattern, ...choice }, index): LabelChoice => {
    if (pattern === undefined) return choice;
    const outcome = compileLinearRegex(pattern);
    if ("regex" in outcome) return { ...choice, allowedRegex: outcome.regex };
    problems.push({ pointer: `/labels/${index}/allowedRegex`, message: outcome.problem });
    return choice;
  });
  if (problems.length > 0) throw new InvalidParams(problems);
  return { choices, forbiddenPrefixes, privilegedUsers };
}
