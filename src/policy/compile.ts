import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { FromSchema } from "json-schema-to-ts";
import { fieldPath } from "../kube/json-pointer.ts";
import { nearMiss } from "../kube/near-miss.ts";
import { groupResource } from "../kube/objects.ts";
import { InvalidParams, type JudgedOperation, type ResourceRule, type Rule } from "../rules/rule.ts";
import type { Document, Problem } from "./document.ts";
import type { Policy } from "./policy.ts";
import { digestSpec } from "./policy-hash.ts";
import { policySchema } from "./schema.ts";

export interface CompiledPolicy {
  readonly policy?: Policy;
  readonly problems: readonly Problem[];
}

type PolicyDocument = FromSchema<ReturnType<typeof policySchema>>;

/** ajv and the schemas are made once for all documents; params schemas on first use. */
export function createPolicyCompiler(rules: readonly Rule[]): (document: Document) => CompiledPolicy {
  const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true, useDefaults: true, verbose: true });
  const validatePolicy = ajv.compile<PolicyDocument>(policySchema(rules));
  const validateParams = new Map<string, ValidateFunction>();
  return (document) => {
    const value = document.value;
    if (!validatePolicy(value)) {
      return { problems: describeErrors(document, "", validatePolicy.errors ?? []) };
    }
    const rule = rules.find((candidate) => candidate.id === value.spec.rule);
    if (!rule) throw new Error(`the schema allows a rule that is not in the list: ${value.spec.rule}`);
    let validate = validateParams.get(rule.id);
    if (!validate) {
      validate = ajv.compile(rule.paramsSchema);
      validateParams.set(rule.id, validate);
    }
    const { spec } = value;
    const problems: Problem[] = [];
    let params: unknown = spec.params;
    if (!validate(params)) {
      problems.push(...describeErrors(document, "/spec/params", validate.errors ?? []));
    } else {
      try {
        params = rule.compile ? rule.compile(params) : params;
      } catch (error) {
        if (!(error instanceof InvalidParams)) throw error;
        problems.push(
          ...error.problems.map(({ pointer, message }) => describe(document, `/spec/params${pointer}`, message)),
        );
      }
    }
    problems.push(...checkResources(document, spec.match.resources ?? [], rule));
    problems.push(...checkCodes(document, Object.keys(spec.severities), rule));
    if (spec.mutate === true && !rule.mutates) {
      problems.push(describe(document, "/spec/mutate", `the rule ${rule.id} never patches; leave mutate out`));
    }
    if (problems.length > 0) return { problems };
    return { policy: Object.freeze(toPolicy(value, rule, params)), problems };
  };
}

function toPolicy({ metadata, spec }: PolicyDocument, rule: Rule, params: unknown): Policy {
  const { match } = spec;
  const mutate = spec.mutate ?? rule.mutates !== undefined;
  const narrow = (resources: readonly ResourceRule[]): readonly ResourceRule[] =>
    narrowTo(resources, match.resources, match.operations);
  return {
    name: metadata.name,
    specDigest: digestSpec(spec),
    rule,
    params,
    validates: narrow(rule.resources),
    mutates: mutate ? narrow(rule.mutates ?? []) : [],
    mutate,
    namespaces: { ...match.namespaces },
    ...(match.namespaceSelector ? { namespaceSelector: match.namespaceSelector } : {}),
    ...(match.objectSelector ? { objectSelector: match.objectSelector } : {}),
    validationActions: spec.validationActions,
    failurePolicy: spec.failurePolicy,
    severities: spec.severities as Policy["severities"],
    promoteWarnings: spec.promoteWarnings,
    trustedControllers: spec.trustedControllers,
    restoreServiceAccounts: spec.restoreServiceAccounts,
    ...(spec.message === undefined ? {} : { message: spec.message }),
    ...(spec.runbookURL === undefined ? {} : { runbookURL: spec.runbookURL }),
  };
}

/** The rule's requests, less the resources and operations that the policy leaves out. */
function narrowTo(
  rules: readonly ResourceRule[],
  resources: readonly string[] | undefined,
  operations: readonly JudgedOperation[] | undefined,
): readonly ResourceRule[] {
  return rules
    .map((rule) => ({
      ...rule,
      resources: rule.resources.filter(
        (resource) => !resources || resources.includes(groupResource({ ...rule, resource })),
      ),
      operations: rule.operations.filter((operation) => !operations || operations.includes(operation)),
    }))
    .filter((rule) => rule.resources.length > 0 && rule.operations.length > 0);
}

function checkResources(document: Document, resources: readonly string[], rule: Rule): Problem[] {
  const known = rule.resources.flatMap((entry) =>
    entry.resources.map((resource) => groupResource({ ...entry, resource })),
  );
  return resources.flatMap((resource, index) =>
    known.includes(resource)
      ? []
      : [
          describe(
            document,
            `/spec/match/resources/${index}`,
            `the rule ${rule.id} doesn't know ${JSON.stringify(resource)}${suggest(resource, known)}`,
          ),
        ],
  );
}

function checkCodes(document: Document, codes: readonly string[], rule: Rule): Problem[] {
  const known = rule.codes.map((row) => row.code);
  return codes.flatMap((code) =>
    known.includes(code)
      ? []
      : [
          describe(
            document,
            `/spec/severities/${code}`,
            `the rule ${rule.id} has no code ${JSON.stringify(code)}${suggest(code, known)}`,
          ),
        ],
  );
}

function describeErrors(document: Document, base: string, errors: readonly ErrorObject[]): Problem[] {
  return (
    errors
      // `not` fails as one; what its branches say is about the opposite.
      .filter((error) => !error.schemaPath.includes("/not/"))
      .map((error) => describe(document, base + error.instancePath + extraKey(error), expectation(error)))
  );
}

function describe(document: Document, pointer: string, expectationText: string): Problem {
  const field = fieldPath(pointer);
  return document.problem(pointer, field === "" ? expectationText : `${field}: ${expectationText}`);
}

function extraKey(error: ErrorObject): string {
  return error.keyword === "additionalProperties"
    ? `/${String(error.params.additionalProperty).replaceAll("~", "~0").replaceAll("/", "~1")}`
    : "";
}

/** What was expected, in words, with the value that came and what was perhaps meant. */
function expectation(error: ErrorObject): string {
  const { keyword, params, data, parentSchema } = error;
  const got = JSON.stringify(data)?.slice(0, 80) ?? "nothing";
  switch (keyword) {
    case "required":
      return `${params.missingProperty} is missing`;
    case "additionalProperties": {
      const known = Object.keys((parentSchema?.properties as object | undefined) ?? {});
      return `no such field${suggest(String(params.additionalProperty), known)}`;
    }
    case "enum":
      return `must be one of ${(params.allowedValues as unknown[]).join(", ")}, not ${got}${didYouMean(String(data), params.allowedValues as string[])}`;
    case "const":
      return `must be ${params.allowedValue}, not ${got}`;
    case "type":
      return `must be of type ${params.type}, not ${got}`;
    case "not":
      return `Deny and Warn exclude each other; choose one`;
    default:
      return `${error.message ?? keyword}, not ${got}`;
  }
}

function suggest(text: string, known: readonly string[]): string {
  return didYouMean(text, known) || ` (one of ${known.join(", ")})`;
}

function didYouMean(text: string, known: readonly string[]): string {
  const near = nearMiss(text, known);
  return near === undefined ? "" : `; did you mean ${near}?`;
}
