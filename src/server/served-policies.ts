import { stateOf } from "../policy/exceptions.ts";
import type { PolicyFiles } from "../policy/files.ts";
import { policiesOf } from "../policy/load.ts";
import type { Policy } from "../policy/policy.ts";
import { policyHash } from "../policy/policy-hash.ts";
import { indexPolicies, type PolicyIndex } from "../policy/policy-index.ts";
import { followPolicies, type PolicyFollower } from "../policy/reload.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ExceptionCount, Metrics } from "../telemetry/metrics.ts";
import { registrationNotes } from "./registration-note.ts";

export interface ServedPolicies {
  current(): PolicyIndex;
  hash(): string;
  /** What /readyz says of them; none of it keeps the Pod from serving. */
  notes(): readonly string[];
  stop(): void;
}

export interface ServePoliciesOptions
  extends Pick<PolicyFollower, "directory" | "rules" | "pollMs" | "debounceMs" | "watchDirectory"> {
  readonly files: PolicyFiles;
  /** Where init says which webhooks it knew. */
  readonly certDir: string;
  readonly registrationHash: (policies: readonly Policy[]) => string;
  readonly metrics: Metrics;
  readonly logger: Logger;
  now(): Date;
}

/**
 * The policies follow the files in `directory`; requests finish under those that they began with. What can't be used is
 * told, and changes nothing. Throws PortcullisError POLICIES when `files` can't be used.
 */
export function servePolicies(options: ServePoliciesOptions): ServedPolicies {
  const { directory, rules, files, certDir, registrationHash, metrics, logger, now, ...timing } = options;
  const warn = (warning: string) => logger.warn({ warning }, "mind this about the policies");
  const take = (policies: readonly Policy[]) => ({
    index: indexPolicies(policies, rules),
    hash: policyHash(policies),
    registrationHash: registrationHash(policies),
  });
  let served = take(policiesOf(directory, files, rules, warn));
  let problem: string | undefined;
  const registered = () => registrationNotes(certDir, served.registrationHash);
  metrics.countExceptions(() => countExceptions(served.index.policies, now()));
  const { stop } = followPolicies({
    ...timing,
    directory,
    rules,
    loaded: files,
    warn,
    onPolicies(policies) {
      served = take(policies);
      problem = undefined;
      metrics.policiesReloaded("success");
      logger.info({ policies: policies.map(({ name }) => name), policyHash: served.hash }, "new policies are in force");
      for (const note of registered()) logger.warn({ note }, "the webhooks don't fit the new policies");
    },
    onProblem(reason) {
      problem = reason;
      metrics.policiesReloaded("failure");
      logger.error({ reason }, "the new policies are refused, and the last good ones stay in force");
    },
    onMended: () => metrics.reloadMended("policies"),
  });
  return {
    current: () => served.index,
    hash: () => served.hash,
    notes: () => [
      ...(problem === undefined
        ? []
        : [`the last good policies are in force: ${problem.replaceAll(/\s*\n\s*/g, "; ")}`]),
      ...registered(),
    ],
    stop,
  };
}

function countExceptions(policies: readonly Policy[], now: Date): readonly ExceptionCount[] {
  return policies
    .filter(({ exceptions }) => exceptions.length > 0)
    .flatMap(({ name, exceptions }) => {
      const states = exceptions.map((exception) => stateOf(exception, now));
      return (["active", "lapsing", "lapsed"] as const).map((state) => ({
        policy: name,
        state,
        count: states.filter((candidate) => candidate === state).length,
      }));
    });
}
