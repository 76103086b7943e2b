import type { KubernetesObject } from "../kube/objects.ts";

/** Kubernetes' TotalAnnotationSizeLimitB: bytes of all keys and values. With more, an object is refused. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

export function exceedsAnnotationLimit({ metadata }: KubernetesObject): boolean {
  let byteCount = 0;
  for (const [key, value] of Object.entries(metadata?.annotations ?? {})) {
    byteCount += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return byteCount > MAX_ANNOTATION_BYTES;
}
