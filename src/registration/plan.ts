import { mergeBundle } from "../tls/bundle.ts";
import type { LiveConfiguration } from "./configuration.ts";

export interface OwnCa {
  readonly service: string;
  readonly namespace: string;
  readonly podUid: string;
  readonly caPem: string;
}

/** A strategic merge patch under optimistic concurrency: entries are found by name, and nothing else is touched. */
export interface CaBundlePatch {
  readonly metadata: { readonly resourceVersion: string };
  readonly webhooks: readonly { readonly name: string; readonly clientConfig: { readonly caBundle: string } }[];
}

export type CaMergePlan =
  | { readonly kind: "unchanged" }
  | { readonly kind: "patch"; readonly patch: CaBundlePatch }
  /** The configuration has webhooks, and none of them calls our Service. */
  | { readonly kind: "foreign" };

/** What has to be written so that every webhook that calls our Service trusts this Pod's CA besides those it trusts already. */
export function planCaMerge(live: LiveConfiguration, own: OwnCa, now: Date): CaMergePlan {
  const ours = live.webhooks.filter(({ clientConfig: { service } }) => {
    return service?.name === own.service && service.namespace === own.namespace;
  });
  if (ours.length === 0 && live.webhooks.length > 0) return { kind: "foreign" };
  const webhooks = ours.flatMap(({ name, clientConfig: { caBundle } }) => {
    const merged = mergeBundle({
      ...(caBundle === undefined ? {} : { currentBase64: caBundle }),
      ownCaPem: own.caPem,
      ownPodUid: own.podUid,
      now,
    });
    return merged.changed ? [{ name, clientConfig: { caBundle: merged.bundleBase64 } }] : [];
  });
  if (webhooks.length === 0) return { kind: "unchanged" };
  return { kind: "patch", patch: { metadata: { resourceVersion: live.metadata.resourceVersion }, webhooks } };
}
