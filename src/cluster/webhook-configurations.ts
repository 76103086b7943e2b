import { ApiException, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { PortcullisError } from "../errors.ts";
import type { ConfigurationKind, LiveConfiguration, NewConfiguration } from "../registration/configuration.ts";
import type { CaBundlePatch } from "../registration/plan.ts";
import type { ClusterConnection } from "./client.ts";

/** Shown in managedFields as the writer of what init writes. */
const FIELD_MANAGER = "portcullis-init";

/** The API server can't be reached, or says itself that it is worth trying again. */
export class ApiUnavailable extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "ApiUnavailable";
  }
}

/**
 * The requests that init makes. What an expected answer means is in the value; throws ApiUnavailable where a later try
 * may succeed, PortcullisError RBAC for 403 and PortcullisError API for everything else.
 */
export interface WebhookConfigurations {
  /** Undefined when there is none. */
  read(kind: ConfigurationKind, name: string): Promise<LiveConfiguration | undefined>;
  create(configuration: NewConfiguration): Promise<"created" | "exists">;
  patch(kind: ConfigurationKind, name: string, patch: CaBundlePatch): Promise<"patched" | "conflict" | "gone">;
}

export function webhookConfigurations({ admissionregistration: api }: ClusterConnection): WebhookConfigurations {
  return {
    async read(kind, name) {
      const answer = await ask("get", kind, name, [404], () =>
        kind === "MutatingWebhookConfiguration"
          ? api.readMutatingWebhookConfiguration({ name })
          : api.readValidatingWebhookConfiguration({ name }),
      );
      return typeof answer === "number" ? undefined : toLive(answer);
    },
    async create(configuration) {
      const { kind, metadata } = configuration;
      // The models of the client want mutable arrays; the body is only serialised.
      const body = structuredClone(configuration) as never;
      const answer = await ask("create", kind, metadata.name, [409], () =>
        kind === "MutatingWebhookConfiguration"
          ? api.createMutatingWebhookConfiguration({ body, fieldManager: FIELD_MANAGER })
          : api.createValidatingWebhookConfiguration({ body, fieldManager: FIELD_MANAGER }),
      );
      return answer === 409 ? "exists" : "created";
    },
    async patch(kind, name, body) {
      const options = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
      const request = { name, body, fieldManager: FIELD_MANAGER };
      const answer = await ask("patch", kind, name, [404, 409], () =>
        kind === "MutatingWebhookConfiguration"
          ? api.patchMutatingWebhookConfiguration(request, options)
          : api.patchValidatingWebhookConfiguration(request, options),
      );
      if (answer === 409) return "conflict";
      return answer === 404 ? "gone" : "patched";
    },
  };
}

/** The answer, or its status where that is one of `expected`. */
async function ask<Answer>(
  verb: string,
  kind: ConfigurationKind,
  name: string,
  expected: readonly number[],
  request: () => Promise<Answer>,
): Promise<Answer | number> {
  const what = `${verb} ${kind} ${name}`;
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof ApiException)) {
      throw new ApiUnavailable(`${what}: ${rootMessage(error)}`, { cause: error });
    }
    const status: number = error.code;
    if (expected.includes(status)) return status;
    if (status === 403) {
      const resource = `${kind.toLowerCase()}s.admissionregistration.k8s.io`;
      throw new PortcullisError("RBAC", `forbidden: ${verb} ${resource} "${name}": ${messageOf(error)}`);
    }
    if (status === 401 || status === 429 || status >= 500) {
      throw new ApiUnavailable(`${what}: status ${status} ${messageOf(error)}`);
    }
    throw new PortcullisError("API", `${what}: status ${status} ${messageOf(error)}`);
  }
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

interface ConfigurationModel {
  readonly metadata?: {
    readonly name?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: unknown;
  };
  readonly webhooks?: readonly {
    readonly name: string;
    readonly clientConfig: {
      readonly caBundle?: string;
      readonly service?: { readonly name: string; readonly namespace: string };
    };
  }[];
}

function toLive({ metadata, webhooks }: ConfigurationModel): LiveConfiguration {
  return {
    metadata: {
      name: metadata?.name ?? "",
      resourceVersion: metadata?.resourceVersion ?? "",
      deletionTimestamp: metadata?.deletionTimestamp,
    },
    webhooks: (webhooks ?? []).map(({ name, clientConfig: { caBundle, service } }) => ({
      name,
      clientConfig: {
        ...(caBundle === undefined ? {} : { caBundle }),
        ...(service ? { service: { name: service.name, namespace: service.namespace } } : {}),
      },
    })),
  };
}
