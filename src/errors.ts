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
    remedy: "Correct the variables that the message names; docs/configuration.md lists them all.",
  },
  POLICIES: {
    exitStatus: 2,
    meaning: "The policy directory holds no policy, or one that can't be used.",
    remedy: "Correct the file, line and field that the message names.",
  },
  RBAC: {
    exitStatus: 3,
    meaning: "The API server refuses what init must do.",
    remedy: "Grant the verb on the object that the message names to init's ServiceAccount (manifests/base/rbac.yaml).",
  },
  API: {
    exitStatus: 1,
    meaning: "The API server could not be reached, or kept answering with errors, until INIT_DEADLINE_SECONDS.",
    remedy: "The kubelet starts init again by itself; look at the API server when it keeps happening.",
  },
  FOREIGN_CONFIGURATION: {
    exitStatus: 1,
    meaning: "A webhook configuration of that name exists, but none of its webhooks calls our Service.",
    remedy: "Choose another MUTATE_CONFIG or VALIDATE_CONFIG, or correct WEBHOOK_SERVICE and WEBHOOK_NAMESPACE.",
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
