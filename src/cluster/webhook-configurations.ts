import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { PortcullisError } from "../errors.ts";
import type {
  ConfigurationKind,
  ConfigurationPatch,
  LiveConfiguration,
  LiveWebhook,
  ManagedFields,
  NewConfiguration,
} from "../registration/configuration.ts";
import { ApiUnavailable, type Asked, ask as askOnce } from "./ask.ts";
import type { ClusterConnection } from "./client.ts";

/**
 * The requests that init makes. What an expected answer means is in the value; throws ApiUnavailable where a later try
 * may succeed, PortcullisError RBAC for 403 and PortcullisError API for everything else.
 */
export interface WebhookConfigurations {
  /** Undefined when there is none. */
  read(kind: ConfigurationKind, name: string): Promise<LiveConfiguration | undefined>;
  create(configuration: NewConfiguration): Promise<"created" | "exists">;
  patch(kind: ConfigurationKind, name: string, patch: ConfigurationPatch): Promise<"patched" | "conflict" | "gone">;
}

const RESOURCES: Readonly<Record<ConfigurationKind, string>> = {
  MutatingWebhookConfiguration: "mutatingwebhookconfigurations.admissionregistration.k8s.io",
  ValidatingWebhookConfiguration: "validatingwebhookconfigurations.admissionregistration.k8s.io",
};

/** `fieldManager` is shown in managedFields as the writer. */
export function webhookConfigurations(
  { admissionregistration: api, hasReadRoles }: ClusterConnection,
  fieldManager: string,
): WebhookConfigurations {
  /** A 403 is final, but for that of an API server which has just started: it may have read its roles since. */
  async function ask<Answer>(asked: Asked, expected: readonly number[], request: () => Promise<Answer>) {
    try {
      return await askOnce(asked, expected, request);
    } catch (error) {
      if (!(error instanceof PortcullisError) || error.code !== "RBAC") throw error;
      if (await hasReadRoles()) return await askOnce(asked, expected, request);
      throw new ApiUnavailable(`${error.message}; the API server has not read its roles yet`, { code: "RBAC" });
    }
  }
  return {
    async read(kind, name) {
      const answer = await ask({ verb: "get", resource: RESOURCES[kind], name }, [404], () =>
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
      const answer = await ask({ verb: "create", resource: RESOURCES[kind], name: metadata.name }, [409], () =>
        kind === "MutatingWebhookConfiguration"
          ? api.createMutatingWebhookConfiguration({ body, fieldManager })
          : api.createValidatingWebhookConfiguration({ body, fieldManager }),
      );
      return answer === 409 ? "exists" : "created";
    },
    async patch(kind, name, body) {
      const options = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
      const request = { name, body, fieldManager };
      const answer = await ask({ verb: "patch", resource: RESOURCES[kind], name }, [404, 409], () =>
        kind === "MutatingWebhookConfiguration"
          ? api.patchMutatingWebhookConfiguration(request, options)
          : api.patchValidatingWebhookConfiguration(request, options),
      );
      if (answer === 409) return "conflict";
      return answer === 404 ? "gone" : "patched";
    },
  };
}

interface ConfigurationModel {
  readonly metadata?: {
    readonly name?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: unknown;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly ManagedFields[];
  };
  readonly webhooks?: readonly object[];
}

function toLive({ metadata, webhooks }: ConfigurationModel): LiveConfiguration {
  return {
    metadata: {
      name: metadata?.name ?? "",
      resourceVersion: metadata?.resourceVersion ?? "",
      deletionTimestamp: metadata?.deletionTimestamp,
      annotations: metadata?.annotations ?? {},
      managedFields: metadata?.managedFields ?? [],
    },
    // As JSON: the client's models are classes, in which fields that are not there are undefined.
    webhooks: JSON.parse(JSON.stringify(webhooks ?? [])) as LiveWebhook[],
  };
}
