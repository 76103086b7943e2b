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
  };
  readonly webhooks: readonly object[];
}

/** A live configuration, as far as portcullis reads it. Everything else is left as it is. */
export interface LiveConfiguration {
  readonly metadata: { readonly name: string; readonly resourceVersion: string; readonly deletionTimestamp?: unknown };
  readonly webhooks: readonly LiveWebhook[];
}

export interface LiveWebhook {
  readonly name: string;
  readonly clientConfig: {
    readonly caBundle?: string;
    readonly service?: { readonly name: string; readonly namespace: string };
  };
}

const LABELS = {
  "app.kubernetes.io/name": "portcullis",
  "app.kubernetes.io/managed-by": "portcullis-init",
  // A restored caBundle would trust Pods that are long gone.
  "velero.io/exclude-from-backup": "true",
};

/**
 * A configuration that does not exist yet. With `promote` every webhook begins with Ignore, since nobody serves yet;
 * those that are to fail closed are named in an annotation, for `register` to promote them and no others.
 */
export function newConfiguration(
  kind: ConfigurationKind,
  name: string,
  webhooks: readonly DesiredWebhook[],
  caBundle: string,
  firstInstall: "promote" | "fail",
): NewConfiguration {
  const pending = firstInstall === "promote" ? webhooks.filter((webhook) => webhook.failurePolicy === "Fail") : [];
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
    metadata: {
      name,
      labels: LABELS,
      ...(pending.length > 0
        ? { annotations: { [PENDING_PROMOTION]: pending.map((webhook) => webhook.name).join(",") } }
        : {}),
    },
    webhooks: webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: { ...webhook.clientConfig, caBundle },
      ...(pending.includes(webhook) ? { failurePolicy: "Ignore" } : {}),
    })),
  };
}
