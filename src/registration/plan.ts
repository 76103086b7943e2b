import { mergeBundle } from "../tls/bundle.ts";
import { readCertificates } from "../tls/inspect.ts";
import type { LiveConfiguration, LiveWebhook } from "./configuration.ts";

export interface OwnCa {
  readonly service: string;
  readonly namespace: string;
  /** Whose other CAs leave the bundles. Absent for as long as a certificate of one of them may still be served. */
  readonly podUid?: string | undefined;
  readonly caPem: string;
}

export interface LivePods {
  /** Of the Pods of our Service, terminating ones included. */
  readonly uids: ReadonlySet<string>;
  /** When they were asked for. */
  readonly listedAt: Date;
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

/**
 * What has to be written so that every webhook that calls our Service trusts this Pod's CA besides those it trusts already,
 * and no longer those that serve nobody: without `pods` only what has expired.
 */
export function planCaMerge(live: LiveConfiguration, own: OwnCa, now: Date, pods?: LivePods): CaMergePlan {
  const ours = selectOurs(live, own);
  if (ours.length === 0 && live.webhooks.length > 0) return { kind: "foreign" };
  const webhooks = ours.flatMap(({ name, clientConfig: { caBundle } }) => {
    const merged = mergeBundle({
      currentBase64: caBundle,
      ownCaPem: own.caPem,
      ownPodUid: own.podUid,
      livePodUids: pods?.uids,
      podListedAt: pods?.listedAt,
      now,
    });
    return merged.changed ? [{ name, clientConfig: { caBundle: merged.bundleBase64 } }] : [];
  });
  if (webhooks.length === 0) return { kind: "unchanged" };
  return { kind: "patch", patch: { metadata: { resourceVersion: live.metadata.resourceVersion }, webhooks } };
}

export interface BundleState {
  readonly webhookName: string;
  readonly certificateCount: number;
  readonly hasOwnCa: boolean;
}

/** What the webhooks that call our Service trust. */
export function inspectBundles(live: LiveConfiguration, own: OwnCa): readonly BundleState[] {
  const [ownCa] = readCertificates(own.caPem).certificates;
  return selectOurs(live, own).map(({ name, clientConfig: { caBundle = "" } }) => {
    const { certificates } = readCertificates(Buffer.from(caBundle, "base64").toString("latin1"));
    return {
      webhookName: name,
      certificateCount: certificates.length,
      hasOwnCa: certificates.some(({ fingerprint }) => fingerprint === ownCa?.fingerprint),
    };
  });
}

function selectOurs({ webhooks }: LiveConfiguration, own: OwnCa): readonly LiveWebhook[] {
  return webhooks.filter(({ clientConfig: { service } }) => {
    return service?.name === own.service && service.namespace === own.namespace;
  });
}
