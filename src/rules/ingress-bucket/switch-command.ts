/** The one patch that takes the label and the rewrites to one bucket, as a command. */
import { jsonPointer } from "../../kube/json-pointer.ts";
import { type KubernetesObject, labelOf } from "../../kube/objects.ts";
import { bucketNameProblem, suggestBucket } from "./bucket-name.ts";
import { BUCKET_LABEL, type Examination } from "./examination.ts";
import { bucketOf, type Rewrite, unsafeReason } from "./rewrites.ts";

/** What still fits into a line that people read before they paste it. */
const MAX_FILTERS = 8;

/** With `rewrite` go the others that controllers are known to read. */
export function describeSwitch(examination: Examination, rewrite: Rewrite): string {
  const { kind, rewrites } = examination.route;
  const bucket = intendedBucket(examination, rewrite);
  const patched = rewrites.filter(
    (other) => other === rewrite || (other.dialect !== "unknown" && other.unsafe === undefined),
  );
  if (kind === "Ingress") return mergePatch(bucket, patched);
  if (patched.length > MAX_FILTERS) {
    return `kubectl edit httproute NAME, with ${BUCKET_LABEL}: ${bucket} and /${bucket} in all ${patched.length} rewrites`;
  }
  return jsonPatch(examination, bucket, patched);
}

/** The bucket that is being switched to: what the label says, unless this update has changed the rewrite only. */
function intendedBucket({ bucket, oldObject, oldRewrites, params }: Examination, rewrite: Rewrite): string {
  const onlyRewriteChanged =
    oldObject !== undefined &&
    labelOf(oldObject, BUCKET_LABEL) === bucket &&
    oldRewrites.get(rewrite.pointer) !== rewrite.value;
  const named = bucketOf(rewrite.target);
  return suggestBucket(onlyRewriteChanged ? [named, bucket] : [bucket, named], params.s3);
}

function mergePatch(bucket: string, rewrites: readonly Rewrite[]): string {
  const annotations = Object.fromEntries(rewrites.map((rewrite) => [rewrite.key, rewrite.redirect(bucket)]));
  const body = { metadata: { labels: { [BUCKET_LABEL]: bucket }, annotations } };
  return `kubectl patch ingress NAME --type=merge -p '${JSON.stringify(body)}'`;
}

/**
 * A merge patch would have to give spec.rules whole. Filters are addressed by index here, so each is first tested to be
 * the one that was meant: somebody may have changed the list since.
 */
function jsonPatch(examination: Examination, bucket: string, rewrites: readonly Rewrite[]): string {
  const { object, oldObject, oldRewrites, params } = examination;
  const operations = [
    ...labelOperations(oldObject ?? object, bucket, params.s3),
    ...rewrites.flatMap(({ pointer, value, redirect }) => {
      const stored = oldRewrites.get(pointer) ?? value;
      const test = { op: "test", path: pointer, value: stored };
      const replace = { op: "replace", path: pointer, value: redirect(bucket) };
      // What isn't safe may hold a quote, and has no place in a command.
      return unsafeReason(stored) === undefined ? [test, replace] : [replace];
    }),
  ];
  return `kubectl patch httproute NAME --type=json -p '${JSON.stringify(operations)}'`;
}

/** `stored`: the object that the patch will find. */
function labelOperations(stored: KubernetesObject, bucket: string, s3: "minio" | "aws"): readonly object[] {
  const path = jsonPointer("metadata", "labels", BUCKET_LABEL);
  if (!stored.metadata?.labels) return [{ op: "add", path: jsonPointer("metadata", "labels"), value: { bucket } }];
  const old = labelOf(stored, BUCKET_LABEL);
  const isNamed = old !== undefined && bucketNameProblem(old, s3) === undefined;
  const change = { op: old === undefined ? "add" : "replace", path, value: bucket };
  return isNamed ? [{ op: "test", path, value: old }, change] : [change];
}
