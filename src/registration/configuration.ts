import type { DesiredWebhook } from "./desired.ts";

export type ConfigurationKind = "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration";

/** The webhooks of this configuration that init made with Ignore and that are waiting for the failurePolicy of their policies. */
export const PENDING_PROMOTION = "portcullis.dev/pending-promotion";

/** A configuration as init creates it. */
export interface NewConfiguration {
  readonly apiVersion: "admissionregistration.k8s.io/v1";
  readonly kind: ConfigurationKind;
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly OwnerReference[];
  };
  readonly webhooks: readonly object[];
}

/** Of a cluster-scoped owner, with which the configuration is deleted. Neither its controller nor in the way of its deletion. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** A live configuration, as far as portcullis reads it. Everything else is left as it is. */
export interface LiveConfiguration {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: unknown;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly ManagedFields[];
  };
  readonly webhooks: readonly LiveWebhook[];
}

/** Which fields a writer owns, and when it last changed one of them. */
export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly time?: Date;
  readonly fieldsV1?: unknown;
}

/** The other fields are there too, as the API server gave them. */
export interface LiveWebhook {
  readonly name: string;
  readonly [field: string]: unknown;
  readonly clientConfig: {
    readonly caBundle?: string;
    readonly service?: { readonly name: string; readonly namespace: string };
  };
}

/** A strategic merge patch under optimistic concurrency: webhooks are found by name. */
export interface ConfigurationPatch {
  readonly metadata: { readonly resourceVersion: string; readonly [field: string]: unknown };
  readonly webhooks?: readonly object[];
}

export interface ConfigurationOrder {
  readonly kind: ConfigurationKind;
  readonly name: string;
  /** Whose it is; `cleanup` finds it by these. */
  readonly service: string;
  readonly namespace: string;
  readonly webhooks: readonly DesiredWebhook[];
  readonly caBundle: string;
  readonly firstInstall: "promote" | "fail";
  readonly owner?: OwnerReference | undefined;
}

/**
 * A configuration that does not exist yet. With `promote` every webhook begins with Ignore, since nobody serves yet;
 * those that are to fail closed are named in an annotation, for `register` to promote them and no others.
 */
export function newConfiguration(order: ConfigurationOrder): NewConfiguration {
  const { kind, name, webhooks, caBundle, firstInstall, owner } = order;
  const pending = firstInstall === "promote" ? webhooks.filter((webhook) => webhook.failurePolicy === "Fail") : [];
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
    metadata: {
      name,
      labels: labelsOf(order),
      ...(pending.length > 0
        ? { annotations: { [PENDING_PROMOTION]: pending.map((webhook) => webhook.name).join(",") } }
        : {}),
      ...(owner ? { ownerReferences: [owner] } : {}),
    },
    webhooks: webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: { ...webhook.clientConfig, caBundle },
      ...(pending.includes(webhook) ? { failurePolicy: "Ignore" } : {}),
    })),
  };
}

function labelsOf({ service, namespace }: ConfigurationOrder): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/name": "portcullis",
    "app.kubernetes.io/managed-by": "portcullis-init",
    "portcullis.dev/namespace": namespace,
    "portcullis.dev/service": service,
    // AKS would write into the namespaceSelectors of what lacks it.
    "admissions.enforcer/disabled": "true",
    // A restored caBundle would trust Pods that are long gone.
    "velero.io/exclude-from-backup": "true",
  };
}
