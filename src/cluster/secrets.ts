import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { ask } from "./ask.ts";
import type { ClusterConnection } from "./client.ts";

export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

export interface LiveSecret {
  readonly resourceVersion: string;
  /** By key, decoded, as text. */
  readonly data: Readonly<Record<string, string>>;
}

/** Undefined when there is no such Secret. Throws as `ask` does. */
export async function readSecret(
  { core }: ClusterConnection,
  { namespace, name }: SecretName,
): Promise<LiveSecret | undefined> {
  const asked = { verb: "get", resource: "secrets", name, namespace };
  const answer = await ask(asked, [404], () => core.readNamespacedSecret({ name, namespace }));
  if (typeof answer === "number") return undefined;
  const data = Object.entries(answer.data ?? {}).map(([key, base64]) => [
    key,
    Buffer.from(base64, "base64").toString(),
  ]);
  return { resourceVersion: answer.metadata?.resourceVersion ?? "", data: Object.fromEntries(data) };
}

/**
 * Writes `data` over what the Secret holds under these keys, unless the Secret has changed since it was read. Other keys
 * and the rest of the object stay. Throws as `ask` does.
 */
export async function patchSecret(
  { core }: ClusterConnection,
  { namespace, name }: SecretName,
  { resourceVersion, data }: LiveSecret,
  fieldManager: string,
): Promise<"patched" | "conflict" | "gone"> {
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  const body = { metadata: { resourceVersion }, data: Object.fromEntries(encoded) };
  const options = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
  const asked = { verb: "patch", resource: "secrets", name, namespace };
  const answer = await ask(asked, [404, 409], () =>
    core.patchNamespacedSecret({ name, namespace, body, fieldManager }, options),
  );
  if (answer === 409) return "conflict";
  return answer === 404 ? "gone" : "patched";
}
