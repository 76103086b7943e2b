import type { ConfigurationKind } from "../registration/configuration.ts";
import { ask } from "./ask.ts";
import type { ClusterConnection } from "./client.ts";

/** A webhook configuration that was found by its labels. */
export interface LabelledConfiguration {
  readonly kind: ConfigurationKind;
  readonly name: string;
  readonly uid: string;
}

const RESOURCES: Readonly<Record<ConfigurationKind, string>> = {
  MutatingWebhookConfiguration: "mutatingwebhookconfigurations.admissionregistration.k8s.io",
  ValidatingWebhookConfiguration: "validatingwebhookconfigurations.admissionregistration.k8s.io",
};

/** Of both kinds; `labelSelector` is one of Kubernetes, `a=b,c=d`. Throws as `ask` does. */
export async function listConfigurations(
  connection: ClusterConnection,
  labelSelector: string,
): Promise<readonly LabelledConfiguration[]> {
  return [
    ...(await listKind(connection, "MutatingWebhookConfiguration", labelSelector)),
    ...(await listKind(connection, "ValidatingWebhookConfiguration", labelSelector)),
  ];
}

async function listKind(
  { admissionregistration: api }: ClusterConnection,
  kind: ConfigurationKind,
  labelSelector: string,
): Promise<readonly LabelledConfiguration[]> {
  const answer = await ask({ verb: "list", resource: RESOURCES[kind] }, [], () =>
    kind === "MutatingWebhookConfiguration"
      ? api.listMutatingWebhookConfiguration({ labelSelector })
      : api.listValidatingWebhookConfiguration({ labelSelector }),
  );
  if (typeof answer === "number") return [];
  return answer.items.map(({ metadata }) => ({ kind, name: metadata?.name ?? "", uid: metadata?.uid ?? "" }));
}

/** `gone`: there is none, or another one of that name. Throws as `ask` does. */
export async function deleteConfiguration(
  { admissionregistration: api }: ClusterConnection,
  { kind, name, uid }: LabelledConfiguration,
): Promise<"deleted" | "gone"> {
  const request = { name, body: { preconditions: { uid } } };
  const answer = await ask({ verb: "delete", resource: RESOURCES[kind], name }, [404, 409], () =>
    kind === "MutatingWebhookConfiguration"
      ? api.deleteMutatingWebhookConfiguration(request)
      : api.deleteValidatingWebhookConfiguration(request),
  );
  return typeof answer === "number" ? "gone" : "deleted";
}
