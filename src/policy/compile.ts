import type { FromSchema } from "json-schema-to-ts";
import { groupResource, isRecord } from "../kube/objects.ts";
import { InvalidParams, type JudgedOperation, type ResourceRule, type Rule } from "../rules/rule.ts";
import { validatorOf } from "../validators.ts";
import type { Document, Problem } from "./document.ts";
import type { EnforcementMode } from "./enforcement.ts";
import { endOfDay, type PolicyException } from "./exceptions.ts";
import type { Policy } from "./policy.ts";
import { digestSpec } from "./policy-hash.ts";
import { unreachableReason } from "./reach.ts";
import { ENFORCEMENT_SCHEMA, EXCEPTION_SCHEMA, policySchema } from "./schema.ts";
import { describeErrors, describeProblem, didYouMean, suggest } from "./schema-errors.ts";

/** What a document holds; nothing where it has problems. */
export interface CompiledDocument {
  readonly policy?: Policy;
  readonly exception?: ExceptionDocument;
  readonly mode?: EnforcementMode;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export interface ExceptionDocument {
  /** Names, in the order of spec.policies. */
  readonly policies: readonly string[];
  readonly exception: PolicyException & { readonly name: string };
}

type PolicyDocument = FromSchema<ReturnType<typeof policySchema>>;
type ExceptionSchema = FromSchema<typeof EXCEPTION_SCHEMA>;
type RawException = ExceptionSchema["spec"];

const KINDS = ["Policy", "Exception", "Enforcement"];

/** For all documents of these rules: the schema of a policy is made, and its validator, once. */
export function createPolicyCompiler(rules: readonly Rule[]): (document: Document) => CompiledDocument {
  const validatePolicy = validatorOf<PolicyDocument>("policy", policySchema(rules));

  function compileParams(document: Document, rule: Rule, params: unknown): Params {
    const validate = validatorOf(`params/${rule.id}`, rule.paramsSchema);
    if (!validate(params)) return { problems: describeErrors(document, "/spec/params", validate.errors ?? []) };
    try {
      return { params: rule.compile ? rule.compile(params) : params, problems: [] };
    } catch (error) {
      if (!(error instanceof InvalidParams)) throw error;
      const describe = ({ pointer, message }: (typeof error.problems)[number]) =>
        describeProblem(document, `/spec/params${pointer}`, message);
      return { problems: error.problems.map(describe) };
    }
  }

  function compilePolicy(document: Document): CompiledDocument {
    const { value } = document;
    if (!validatePolicy(value)) return failed(describeErrors(document, "", validatePolicy.errors ?? []));
    const { spec } = value;
    const rule = rules.find((candidate) => candidate.id === spec.rule);
    if (!rule) throw new Error(`the schema allows a rule that is not in the list: ${spec.rule}`);
    const params = compileParams(document, rule, spec.params);
    const problems = [
      ...params.problems,
      ...checkResources(document, spec.match.resources ?? [], rule),
      ...checkCodes(document, "/spec/severities", Object.keys(spec.severities), rule),
      ...spec.exceptions.flatMap((exception, index) => [
        ...checkUntil(document, `/spec/exceptions/${index}`, exception.until),
        ...checkCodes(document, `/spec/exceptions/${index}/codes`, exception.codes ?? [], rule),
      ]),
    ];
    if (spec.mutate === true && !rule.mutates) {
      const message = `the rule ${rule.id} never patches; leave mutate out`;
      problems.push(describeProblem(document, "/spec/mutate", message));
    }
    if (problems.length > 0) return failed(problems);
    const policy = Object.freeze(toPolicy(value, rule, params.params));
    const unreachable = unreachableReason(policy);
    const warnings = unreachable ? [describeProblem(document, unreachable.pointer, unreachable.reason)] : [];
    return { policy, problems, warnings };
  }

  function compileException(document: Document): CompiledDocument {
    const { value } = document;
    const validateException = validatorOf<ExceptionSchema>("exception", EXCEPTION_SCHEMA);
    if (!validateException(value)) return failed(describeErrors(document, "", validateException.errors ?? []));
    const problems = checkUntil(document, "/spec", value.spec.until);
    if (problems.length > 0) return failed(problems);
    const exception = { ...toException(value.spec), name: value.metadata.name };
    return { exception: { policies: value.spec.policies, exception }, problems, warnings: [] };
  }

  function compileEnforcement(document: Document): CompiledDocument {
    const { value } = document;
    const validate = validatorOf<FromSchema<typeof ENFORCEMENT_SCHEMA>>("enforcement", ENFORCEMENT_SCHEMA);
    if (!validate(value)) return failed(describeErrors(document, "", validate.errors ?? []));
    return { mode: value.spec.mode, problems: [], warnings: [] };
  }

  return (document) => {
    const kind = isRecord(document.value) ? document.value.kind : undefined;
    if (kind === "Exception") return compileException(document);
    if (kind === "Enforcement") return compileEnforcement(document);
    if (typeof kind !== "string" || kind === "Policy") return compilePolicy(document);
    const message = `must be Policy, Exception or Enforcement, not ${JSON.stringify(kind)}${didYouMean(kind, KINDS)}`;
    return failed([describeProblem(document, "/kind", message)]);
  };
}

interface Params {
  readonly params?: unknown;
  readonly problems: readonly Problem[];
}

function failed(problems: readonly Problem[]): CompiledDocument {
  return { problems, warnings: [] };
}

function toPolicy({ metadata, spec }: PolicyDocument, rule: Rule, params: unknown): Policy {
  const { match } = spec;
  const mutate = (spec.mutate ?? true) && rule.mutates !== undefined && (rule.mutatesWith?.(params) ?? true);
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
    subjects: { ...match.subjects },
    ...(match.namespaceSelector ? { namespaceSelector: match.namespaceSelector } : {}),
    ...(match.objectSelector ? { objectSelector: match.objectSelector } : {}),
    validationActions: spec.validationActions,
    failurePolicy: spec.failurePolicy,
    severities: spec.severities as Policy["severities"],
    promoteWarnings: spec.promoteWarnings,
    ratchet: spec.ratchet,
    exceptions: spec.exceptions.map(toException),
    trustedControllers: spec.trustedControllers,
    restoreServiceAccounts: spec.restoreServiceAccounts,
    ...(spec.message === undefined ? {} : { message: spec.message }),
    ...(spec.runbookURL === undefined ? {} : { runbookURL: spec.runbookURL }),
  };
}

function toException({ namespaces, names, codes, until, reason }: Omit<RawException, "policies">): PolicyException {
  return {
    ...(namespaces ? { namespaces } : {}),
    ...(names ? { names } : {}),
    ...(codes ? { codes } : {}),
    until,
    endMs: endOfDay(until) ?? 0,
    reason,
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
  return resources.flatMap((resource, index) => {
    if (known.includes(resource)) return [];
    const message = `the rule ${rule.id} doesn't know ${JSON.stringify(resource)}${suggest(resource, known)}`;
    return [describeProblem(document, `/spec/match/resources/${index}`, message)];
  });
}

function checkUntil(document: Document, pointer: string, until: string): Problem[] {
  if (endOfDay(until) !== undefined) return [];
  const message = `must be a day, YYYY-MM-DD, not ${JSON.stringify(until)}`;
  return [describeProblem(document, `${pointer}/until`, message)];
}

/** `pointer`: of a map with codes for keys, or of a list of codes. */
export function checkCodes(document: Document, pointer: string, codes: readonly string[], rule: Rule): Problem[] {
  const known = rule.codes.map((row) => row.code);
  return codes.flatMap((code, index) => {
    if (known.includes(code)) return [];
    const message = `the rule ${rule.id} has no code ${JSON.stringify(code)}${suggest(code, known)}`;
    const key = pointer.endsWith("/codes") ? index : code;
    return [describeProblem(document, `${pointer}/${key}`, message)];
  });
}
