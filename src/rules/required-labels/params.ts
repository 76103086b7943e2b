/** What a policy can ask for, and what it becomes when it loads. */
import type { FromSchema } from "json-schema-to-ts";
import { isLabelValue, LABEL_KEY, LABEL_KEY_LENGTH } from "../../kube/label-syntax.ts";
import { compileLinearRegex, type LinearRegex } from "../../kube/linear-regex.ts";
import { InvalidParams, type ParamsProblem } from "../rule.ts";

export const paramsSchema = {
  type: "object",
  additionalProperties: false,
  required: ["labels"],
  properties: {
    labels: {
      description: "The labels that every object must carry; each entry has to be met.",
      type: "array",
      minItems: 1,
      maxItems: 100,
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
            items: { type: "string", maxLength: LABEL_KEY_LENGTH, pattern: LABEL_KEY },
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
          default: {
            description:
              "The value that the first of anyOf gets on the object itself when it is created without any of them; not for where: template.",
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
  readonly default?: string;
}

export function isAccepted({ allowEmpty, allowedRegex }: LabelChoice, value: string): boolean {
  if (value === "") return allowEmpty;
  return allowedRegex === undefined || allowedRegex.matches(value);
}

export interface CompiledParams {
  readonly choices: readonly LabelChoice[];
  /** The last that names a key: a policy may ask for the same key twice, once for each place. */
  readonly choiceByKey: ReadonlyMap<string, LabelChoice>;
  readonly hasDefaults: boolean;
  readonly forbiddenPrefixes: readonly string[];
  readonly privilegedUsers: readonly string[];
}

/** Throws InvalidParams with every pattern and every default that can't be used. */
export function compileParams({ labels, forbiddenPrefixes, privilegedUsers }: Params): CompiledParams {
  const problems: ParamsProblem[] = [];
  const choices = labels.map((label, index): LabelChoice => {
    const choice = compileChoice(label, `/labels/${index}`, problems);
    const problem = problemWithDefault(choice);
    if (problem !== undefined) problems.push({ pointer: `/labels/${index}/default`, message: problem });
    return choice;
  });
  if (problems.length > 0) throw new InvalidParams(problems);
  return {
    choices,
    choiceByKey: new Map(choices.flatMap((choice) => choice.anyOf.map((key) => [key, choice] as const))),
    hasDefaults: choices.some((choice) => choice.default !== undefined),
    forbiddenPrefixes,
    privilegedUsers,
  };
}

function compileChoice(
  { allowedRegex: pattern, ...choice }: Params["labels"][number],
  pointer: string,
  problems: ParamsProblem[],
): LabelChoice {
  if (pattern === undefined) return choice;
  const outcome = compileLinearRegex(pattern);
  if ("regex" in outcome) return { ...choice, allowedRegex: outcome.regex };
  problems.push({ pointer: `${pointer}/allowedRegex`, message: outcome.problem });
  return choice;
}

/** A default that the policy itself would refuse, or that nothing would ever get. */
function problemWithDefault(choice: LabelChoice): string | undefined {
  const value = choice.default;
  if (value === undefined) return undefined;
  // A template is left as it was written: its labels may be part of a selector.
  if (choice.where === "template") return "nothing is added to templates; with where: template there is no default";
  if (!isLabelValue(value))
    return "not a label value: at most 63 letters, digits, -, _ and ., with a letter or digit at both ends";
  if (!isAccepted(choice, value)) return `does not match allowedRegex ${choice.allowedRegex?.source}`;
  return undefined;
}
