/** Checks of the rewrite annotations: that they are safe, and that they go where the label bucket says. */
import { jsonPointer } from "../../kube/json-pointer.ts";
import { annotationOf, labelOf } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { suggestBucket } from "./bucket-name.ts";
import { violationOf } from "./codes.ts";
import { BUCKET_LABEL, type Examination } from "./examination.ts";
import { bucketOf, LEGACY_REWRITE, NGINX_REWRITE, type Rewrite, redirectRewrite } from "./rewrites.ts";

/** Traefik 2 and 3 ignore every rewrite-target: their rewrites are Middleware objects, named in this annotation. */
const TRAEFIK_MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares";

const ANNOTATIONS_POINTER = jsonPointer("metadata", "annotations");

export function checkRewritePresence({
  isStatic,
  object,
  rewrites,
  bucket,
  params,
}: Examination): readonly Violation[] {
  if (!isStatic || rewrites.length > 0) return [];
  const middlewares = annotationOf(object, TRAEFIK_MIDDLEWARES);
  if (middlewares !== undefined) {
    return [
      violationOf("ING-EXTERNAL-REWRITE", {
        path: jsonPointer("metadata", "annotations", TRAEFIK_MIDDLEWARES),
        message: `whether the Middlewares ${quoted(middlewares)} rewrite to the bucket is not checked`,
        fix: "check that one of them has addPrefix: {prefix: /BUCKET}, and switch to a Middleware of another name together with the label",
        subject: middlewares,
      }),
    ];
  }
  if (bucket === undefined) return [];
  const suggestion = suggestBucket([bucket], params.s3);
  return [
    violationOf("ING-MISSING-REWRITE", {
      path: ANNOTATIONS_POINTER,
      message: `the label bucket says ${quoted(bucket)}, but no annotation rewrites to it`,
      fix: `add ${LEGACY_REWRITE}: /${suggestion} or, for ingress-nginx, ${NGINX_REWRITE}: /${suggestion}/$1 with path: /(.*)`,
      subject: bucket,
    }),
  ];
}

export function checkDialects({ isStatic, rewrites }: Examination): readonly Violation[] {
  if (!isStatic) return [];
  return rewrites
    .filter(({ isKnownDialect }) => !isKnownDialect)
    .map(({ key }) =>
      violationOf("ING-DIALECT", {
        path: annotationPointer(key),
        message: "no known controller reads this annotation; its value is taken to go in front of the path",
        fix: `use the annotation of your controller, such as ${LEGACY_REWRITE} or ${NGINX_REWRITE}`,
        subject: key,
      }),
    );
}

/** On every Ingress, static or not: through rewrite-target nginx could be given configuration (CVE-2026-3288). */
export function checkRewriteSafety({ isStatic, rewrites }: Examination): readonly Violation[] {
  return rewrites.flatMap(({ key, value, unsafe }) =>
    unsafe === undefined || (value === "" && !isStatic)
      ? []
      : violationOf("ING-UNSAFE", {
          path: annotationPointer(key),
          message: `the rewrite ${quoted(value)} ${unsafe}`,
          fix: "write a plain path, such as /BUCKET or /BUCKET/$1",
          subject: value,
        }),
  );
}

/** Each rewrite by itself, since it is not known which of them the controller reads. */
export function checkMismatch(examination: Examination): readonly Violation[] {
  const { bucket, rewrites } = examination;
  if (bucket === undefined) return [];
  return rewrites.flatMap((rewrite) => {
    const named = bucketOf(rewrite.value);
    if (rewrite.unsafe !== undefined || named === bucket) return [];
    return violationOf("ING-MISMATCH", {
      path: annotationPointer(rewrite.key),
      message: describeMismatch(rewrite.value, named, bucket),
      fix: `switch both in one patch: ${patchCommand(examination, rewrite)}`,
      subject: `${bucket} ${rewrite.value}`,
    });
  });
}

function describeMismatch(value: string, named: string | undefined, bucket: string): string {
  const label = `the label bucket says ${quoted(bucket)}`;
  if (named === undefined) return `the rewrite ${quoted(value)} names no bucket, but ${label}`;
  const isAlmostRight = bucket.startsWith(named) || named.toLowerCase() === bucket.toLowerCase();
  const remark = isAlmostRight ? ", nearly the same and yet another bucket" : "";
  return `the rewrite goes to the bucket ${quoted(named)}, but ${label}${remark}`;
}

/** The bucket that is being switched to: what the label says, unless this update has changed the rewrite only. */
function intendedBucket({ bucket, oldObject, params }: Examination, { key, value }: Rewrite): string {
  const onlyRewriteChanged =
    oldObject !== undefined && labelOf(oldObject, BUCKET_LABEL) === bucket && annotationOf(oldObject, key) !== value;
  return suggestBucket(onlyRewriteChanged ? [bucketOf(value), bucket] : [bucket, bucketOf(value)], params.s3);
}

/** The command that takes the label, this rewrite and those that controllers are known to read to one bucket. */
function patchCommand(examination: Examination, rewrite: Rewrite): string {
  const bucket = intendedBucket(examination, rewrite);
  const patched = examination.rewrites.filter(
    (other) => other === rewrite || (other.isKnownDialect && other.unsafe === undefined),
  );
  const annotations = Object.fromEntries(patched.map(({ key, value }) => [key, redirectRewrite(value, bucket)]));
  const body = { metadata: { labels: { [BUCKET_LABEL]: bucket }, annotations } };
  return `kubectl patch ingress NAME --type=merge -p '${JSON.stringify(body)}'`;
}

function annotationPointer(key: string): string {
  return jsonPointer("metadata", "annotations", key);
}
