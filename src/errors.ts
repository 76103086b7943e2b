/**
 * Every error that a person may meet at the end of a program, with its exit status and what to do about it.
 * Verdicts about objects are values (src/rules/rule.ts), and broken requests are src/admission/decode.ts: neither is here.
 */

interface ErrorDescription {
  /** Exit status of the program that ends with it: 2 settings, 3 RBAC, 1 otherwise. */
  readonly exitStatus: 1 | 2 | 3;
  readonly meaning: string;
  readonly remedy: string;
}

export const ERRORS = {
  SETTINGS: {
    exitStatus: 2,
    meaning: "An environment variable is missing or wrong.",
    remedy: "Correct what the message names; docs/configuration.md lists all variables and commands.",
  },
  POLICIES: {
    exitStatus: 2,
    meaning: "The policy directory holds no policy, or one that can't be used.",
    remedy: "Correct what the message names: the directory, or file, line and field.",
  },
  RBAC: {
    exitStatus: 3,
    meaning: "The API server refuses what the command must do.",
    remedy:
      "Grant the verb on the object that the message names to the account that the command runs as (manifests/base/rbac*.yaml); a refusal by the guard means that it shall not do this.",
  },
  API: {
    exitStatus: 1,
    meaning: "The API server could not be reached, or kept answering with errors, until the deadline.",
    remedy: "The Pod is started again by itself; look at the API server when it keeps happening.",
  },
  FOREIGN_CONFIGURATION: {
    exitStatus: 1,
    meaning: "A webhook configuration of that name exists, but none of its webhooks calls our Service.",
    remedy: "Choose another MUTATE_CONFIG or VALIDATE_CONFIG, or correct WEBHOOK_SERVICE and WEBHOOK_NAMESPACE.",
  },
  SECRET: {
    exitStatus: 1,
    meaning: "The Secret that all Pods are to share certificates by does not exist.",
    remedy: "Create it, of type Opaque and without data (kubectl create secret generic), or correct CERT_SECRET.",
  },
  DEPLOYMENT: {
    exitStatus: 1,
    meaning: "There is no Deployment of that name.",
    remedy: "Correct WEBHOOK_DEPLOYMENT or WEBHOOK_NAMESPACE.",
  },
  NO_CONFIGURATION: {
    exitStatus: 1,
    meaning: "A webhook configuration is not there; register changes configurations, and only init creates them.",
    remedy:
      "Start a new Pod, whose init creates it: kubectl rollout restart of the Deployment. Then run register again: docs/runbook.md, PortcullisNotRegistered.",
  },
  ROLLOUT: {
    exitStatus: 1,
    meaning:
      "The Deployment was not fully updated and available within REGISTER_DEADLINE_SECONDS; no rule was changed.",
    remedy:
      "Look at the Deployment's Pods. Once they are ready run register again: docs/runbook.md, PortcullisNotRegistered.",
  },
  CANARY: {
    exitStatus: 1,
    meaning: "The canary was not refused within REGISTER_DEADLINE_SECONDS: calls do not arrive; no rule was changed.",
    remedy:
      "See the message; open the way from the API server to the Pods' port, then run register again: docs/runbook.md, PortcullisNotRegistered.",
  },
  CLOCK: {
    exitStatus: 1,
    meaning: "This node's clock and the API server's differ too much for certificates to be valid on both.",
    remedy: "Synchronise the node's clock.",
  },
  CERTIFICATES: {
    exitStatus: 1,
    meaning: "The certificates can't be written, read or used.",
    remedy: "See the message; a new Pod makes new certificates.",
  },
  LISTEN: {
    exitStatus: 1,
    meaning: "The server can't listen on its address and port.",
    remedy: "Choose another LISTEN_ADDRESS, PORT or HEALTH_PORT, or end what uses it.",
  },
} as const satisfies Record<string, ErrorDescription>;

export type ErrorCode = keyof typeof ERRORS;

export class PortcullisError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "PortcullisError";
    this.code = code;
  }

  get exitStatus(): number {
    return ERRORS[this.code].exitStatus;
  }
}

/** What a person reads on stderr when a program ends with this error. A bug keeps its stack. */
export function describeFailure(error: unknown): { readonly text: string; readonly exitStatus: number } {
  if (error instanceof PortcullisError) {
    return { text: `${error.code}: ${error.message}\n${ERRORS[error.code].remedy}`, exitStatus: error.exitStatus };
  }
  return { text: error instanceof Error ? (error.stack ?? error.message) : String(error), exitStatus: 1 };
}
