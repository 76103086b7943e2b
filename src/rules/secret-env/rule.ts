/**
 * Secrets in plain text in the environment of containers: everybody who may read the workload may read them, and they are
 * in every backup and manifest of it. A value is looked at and never repeated, in whole or in part.
 */
import { controllerKind } from "../../kube/owners.ts";
import { podTemplateOf } from "../../kube/pod-template.ts";
import { quoted } from "../../kube/quoted.ts";
import { NO_VERDICT, type Rule, type RuleInput, type Violation } from "../rule.ts";
import { CODES, type SecretCode, warningOf } from "./codes.ts";
import { natureOf } from "./names.ts";
import { type CompiledParams, compileParams, type Params, paramsSchema } from "./params.ts";
import { prefilter } from "./prefilter.ts";
import { canBeSecret, faultOf } from "./values.ts";
import { literalVariablesOf, type Variable } from "./variables.ts";

const version = "v1";
const ALWAYS = ["CREATE", "UPDATE"] as const;

/** Their containers can't get other variables any more. */
const FIXED_ONCE_CREATED = ["pods", "jobs.batch"];

export const secretEnv: Rule<Params, CompiledParams> = {
  id: "secret-env",
  summary: "Warn of passwords, tokens and keys that stand in the environment of a container in plain text",
  resources: [
    { group: "", version, resources: ["pods"], operations: ["CREATE"] },
    { group: "apps", version, resources: ["deployments", "statefulsets", "daemonsets"], operations: ALWAYS },
    { group: "batch", version, resources: ["jobs"], operations: ["CREATE"] },
    { group: "batch", version, resources: ["cronjobs"], operations: ALWAYS },
  ],
  codes: CODES,
  paramsSchema,
  compile: compileParams,
  prefilter,
  evaluate(input) {
    const { operation, object, request, params } = input;
    const isFixed = operation === "UPDATE" && FIXED_ONCE_CREATED.includes(request.resource);
    const template = podTemplateOf(request.resource, object);
    if (template === undefined || isFixed || isMadeByController(input)) return NO_VERDICT;
    const violations = literalVariablesOf(template).flatMap((variable) => judge(variable, params));
    return { violations, patches: [] };
  },
};

/** Nobody would read the message: the template that it was made from has been judged. */
function isMadeByController({ object, request }: RuleInput<CompiledParams>): boolean {
  return request.trustedController && controllerKind(object) !== undefined;
}

function judge(variable: Variable, params: CompiledParams): Violation[] {
  const code = codeOf(variable, params);
  if (code === undefined) return [];
  const { pointer, sort, container, name } = variable;
  const { fault, fix } = WORDS[code];
  return [
    warningOf(code, {
      path: pointer,
      message: `the variable ${quoted(name)} of ${sort} ${quoted(container)} ${fault}`,
      fix,
      // Without the value: to the ratchet, another secret in the same place is the same fault.
      subject: `${container}/${name}`,
    }),
  ];
}

function codeOf({ name, value }: Variable, params: CompiledParams): SecretCode | undefined {
  if (params.isAllowedName(name)) return undefined;
  const fault = faultOf(value);
  if (fault !== undefined) return fault;
  const nature = canBeSecret(value) ? natureOf(name, params.isSecretName) : undefined;
  if (nature === "secret") return "SEC-ENV";
  return nature === "identity" && params.identities ? "SEC-ENV-IDENTITY" : undefined;
}

const FROM_SECRET = "use valueFrom: {secretKeyRef: {name: NAME, key: KEY}}";

const WORDS: Readonly<Record<SecretCode, { readonly fault: string; readonly fix: string }>> = {
  "SEC-ENV-KEY": {
    fault: "holds a private key in plain text",
    fix: `mount a Secret with it as a volume, or ${FROM_SECRET}`,
  },
  "SEC-ENV-URL": {
    fault: "holds a URL with its password in plain text",
    fix: `${FROM_SECRET}, or put the password in a variable above this one that does, and write $(VARIABLE) in its place`,
  },
  "SEC-ENV": { fault: "holds its secret in plain text", fix: FROM_SECRET },
  "SEC-ENV-IDENTITY": { fault: "names an account in plain text", fix: FROM_SECRET },
};
