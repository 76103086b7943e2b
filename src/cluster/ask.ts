import { ApiException } from "@kubernetes/client-node";
import { type ErrorCode, PortcullisError } from "../errors.ts";

/** The API server can't be reached, or says itself that it is worth trying again. */
export class ApiUnavailable extends Error {
  /** What it comes to when no later try succeeds. */
  readonly code: ErrorCode;

  constructor(message: string, options: { readonly cause?: unknown; readonly code?: ErrorCode } = {}) {
    super(message, options);
    this.name = "ApiUnavailable";
    this.code = options.code ?? "API";
  }
}

/** A request in RBAC's words, for messages. */
export interface Asked {
  readonly verb: string;
  /** With its group: `deployments.apps`. */
  readonly resource: string;
  readonly name?: string;
  readonly namespace?: string;
}

/**
 * The answer, or its status where that is one of `expected`. Throws ApiUnavailable where a later try may succeed,
 * PortcullisError RBAC for 403, PortcullisError API for everything else, and bugs as they are.
 */
export async function ask<Answer>(
  asked: Asked,
  expected: readonly number[],
  request: () => Promise<Answer>,
): Promise<Answer | number> {
  try {
    return await request();
  } catch (error) {
    const what = describe(asked);
    // fetch fails by one too, with a cause.
    if (error instanceof TypeError && !("cause" in error)) throw error;
    if (!(error instanceof ApiException)) throw new ApiUnavailable(`${what}: ${rootMessage(error)}`, { cause: error });
    const status: number = error.code;
    if (expected.includes(status)) return status;
    const message = messageOf(error);
    if (status === 403) throw new PortcullisError("RBAC", `forbidden: ${what}: ${message}`);
    if (status === 401 || status === 429 || status >= 500) {
      throw new ApiUnavailable(`${what}: status ${status} ${message}`);
    }
    throw new PortcullisError("API", `${what}: status ${status} ${message}`);
  }
}

function describe({ verb, resource, name, namespace }: Asked): string {
  return `${verb} ${resource}${name === undefined ? "" : ` "${name}"`}${namespace === undefined ? "" : ` in ${namespace}`}`;
}

/** The Status that Kubernetes sends with an error, without the headers that ApiException's own message quotes. */
function messageOf({ body }: ApiException<unknown>): string {
  try {
    const status: unknown = typeof body === "string" ? JSON.parse(body) : body;
    return String((status as { readonly message?: unknown } | null)?.message ?? "");
  } catch {
    return "";
  }
}

/** fetch says "fetch failed" and keeps what happened in `cause`. */
function rootMessage(error: unknown): string {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current instanceof Error ? current.message || current.name : String(current);
}
