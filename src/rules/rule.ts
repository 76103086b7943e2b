/**
 * The contract of a rule: data, and one pure function that answers the API server, the command line and a report alike.
 * What a policy does with a verdict (deny, warn, audit; exceptions; ratchet) is in src/admission, not here.
 */
import type { JsonPatchOperation } from "../kube/json-patch.ts";
import type { KubernetesObject } from "../kube/objects.ts";

export type JudgedOperation = "CREATE" | "UPDATE";
export type Severity = "error" | "warning";

/** Which requests a rule wants to see, in the words of `webhooks[].rules[]`. One group and version an entry. */
export interface ResourceRule {
  readonly group: string;
  readonly version: string;
  /** Plural names, never `*`, never a subresource. */
  readonly resources: readonly string[];
  readonly operations: readonly JudgedOperation[];
}

/** One row of a rule's table of codes; docs and tests are derived from it. */
export interface ViolationCode {
  readonly code: string;
  readonly severity: Severity;
  /** When it fires, as one clause. */
  readonly summary: string;
}

export interface Rule<Params = unknown, Compiled = Params> {
  /** Folder name, metric label and docs anchor. */
  readonly id: string;
  /** One sentence, imperative. */
  readonly summary: string;
  /** What the validating webhook is asked about. */
  readonly resources: readonly ResourceRule[];
  /** What the mutating webhook is asked about; absent when the rule never patches. */
  readonly mutates?: readonly ResourceRule[];
  /** Whether it patches anything with these params; absent when it always may. */
  mutatesWith?(params: Compiled): boolean;
  readonly codes: readonly ViolationCode[];
  /** JSON Schema (2020-12 vocabulary that ajv's default dialect shares); every property has a description. */
  readonly paramsSchema: object;
  /**
   * Called once when a policy loads, with defaults filled in: checks what the schema can't say (throws
   * `InvalidParams`) and prepares what `evaluate` needs. Without it, `evaluate` gets the params as they are.
   */
  compile?(params: Params): Compiled;
  /**
   * CEL of a matchCondition: what makes it false is not sent, so it is false only for objects on which `evaluate` has neither
   * violations nor patches. It must not fail on anything that the API server can hold: failurePolicy would decide.
   * Undefined: everything is sent.
   */
  prefilter?(query: PrefilterQuery<Compiled>): string | undefined;
  /** Pure: no clock, log, I/O, environment or HTTP; never writes to its input; total over any decoded object. */
  evaluate(input: RuleInput<Compiled>): Verdict;
}

export interface RuleInput<Params> {
  readonly operation: JudgedOperation;
  readonly object: KubernetesObject;
  /** Present on UPDATE, except when the ratchet judges the old object by itself. */
  readonly oldObject?: KubernetesObject | undefined;
  readonly request: RuleRequest;
  readonly now: Date;
  readonly params: Params;
  /** Whether the policy lets this rule patch: a rule doesn't report what its own patch repairs. */
  readonly mutate: boolean;
  /** Nobody will look at the violations: they may be left out. */
  readonly patchesOnly?: boolean | undefined;
}

export interface PrefilterQuery<Params> {
  readonly phase: "mutate" | "validate";
  /** `deployments.apps`, `pods`. */
  readonly resource: string;
  readonly params: Params;
  /** As in RuleInput. */
  readonly mutate: boolean;
}

export interface RuleRequest {
  /** `deployments.apps`, `pods`. */
  readonly resource: string;
  readonly kind: string;
  /** Empty for a cluster-scoped object. */
  readonly namespace: string;
  readonly username: string;
  /** The requester is a kube-system controller or an account that the policy lists: its ownerReferences count. */
  readonly trustedController: boolean;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly patches: readonly JsonPatchOperation[];
}

export interface Violation {
  readonly code: string;
  readonly severity: Severity;
  /** JSON pointer of the field at fault. */
  readonly path: string;
  /** One sentence without a full stop. Never the value of a secret, never the object's (perhaps generated) name. */
  readonly message: string;
  /** What to type to make it right: a line of YAML or a command, as one clause without a full stop. */
  readonly fix?: string;
  /**
   * What the ratchet compares besides code and path: the offending value, or for a list entry its key (container,
   * volume, host and path) in place of an index, so that inserting a sidecar is not a new fault.
   */
  readonly subject?: string;
}

/** What a schema can't say about params; `pointer` is relative to `spec.params`. */
export interface ParamsProblem {
  readonly pointer: string;
  readonly message: string;
}

export class InvalidParams extends Error {
  readonly problems: readonly ParamsProblem[];
  constructor(problems: readonly ParamsProblem[]) {
    super(problems.map((problem) => `${problem.pointer}: ${problem.message}`).join("; "));
    this.name = "InvalidParams";
    this.problems = problems;
  }
}

export const NO_VERDICT: Verdict = Object.freeze({ violations: [], patches: [] });
