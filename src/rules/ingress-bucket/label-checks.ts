/** Checks of the labels of a static site: which there are, and what the label bucket says. */
import { jsonPointer } from "../../kube/json-pointer.ts";
import { annotationOf, labelOf, ownValue } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { bucketNameProblem, suggestBucket } from "./bucket-name.ts";
import type { BucketParts } from "./bucket-pattern.ts";
import { violationOf } from "./codes.ts";
import { BUCKET_LABEL, type Examination } from "./examination.ts";
import { bucketOf } from "./rewrites.ts";

const BUCKET_POINTER = jsonPointer("metadata", "labels", BUCKET_LABEL);

/** Set to "true" on an update, it says that the older bucket is meant. */
const ALLOW_ROLLBACK = "portcullis.dev/allow-bucket-rollback";

export function checkRequiredLabels(examination: Examination): readonly Violation[] {
  const { isStatic, object, params, route } = examination;
  if (!isStatic) return [];
  return params.requiredLabels
    .filter((key) => !labelOf(object, key))
    .map((key) =>
      violationOf("ING-MISSING-LABEL", {
        path: jsonPointer("metadata", "labels", key),
        message: `a static ${route.kind} needs the label ${key}`,
        fix: `add ${key}: ${suggestLabel(examination, key)} to metadata.labels, or drop labels and rewrite in one patch if this is no static site`,
        subject: key,
      }),
    );
}

function suggestLabel({ route, params }: Examination, key: string): string {
  if (key !== BUCKET_LABEL) return ownValue(params.staticLabels, key) ?? "NAME";
  return suggestBucket(
    route.rewrites.map(({ target }) => bucketOf(target)),
    params.s3,
  );
}

/** One verdict at most on the name, then on its form; only a bucket that has passed both has a date to look at. */
export function checkBucketLabel(examination: Examination): readonly Violation[] {
  const { bucket, params } = examination;
  if (bucket === undefined) return [];
  const problem = bucketNameProblem(bucket, params.s3);
  if (problem !== undefined) {
    return [
      violationOf("ING-NAME", {
        path: BUCKET_POINTER,
        message: `${quoted(bucket)} is not a bucket's name: it ${problem}`,
        fix: "give bucket the name that the object storage lists, in lower case, such as bucket: sitemaps-20240101",
        subject: bucket,
      }),
    ];
  }
  const outcome = params.parseBucket(bucket);
  if ("problem" in outcome) {
    return [
      violationOf("ING-PATTERN", {
        path: BUCKET_POINTER,
        message: `the bucket ${quoted(bucket)} ${outcome.problem}`,
        fix: "give the bucket a name that the policy allows, and let label and rewrite say it",
        subject: bucket,
      }),
    ];
  }
  return [...checkFuture(examination, bucket, outcome), ...checkRollback(examination, bucket, outcome)];
}

function checkFuture({ now }: Examination, bucket: string, { date }: BucketParts): readonly Violation[] {
  // A day of grace: it is tomorrow already in the east of UTC.
  const tomorrow = new Date(now.getTime() + 24 * 60 * 60 * 1000).toISOString().slice(0, 10).replaceAll("-", "");
  if (date === undefined || date <= tomorrow) return [];
  return [
    violationOf("ING-FUTURE", {
      path: BUCKET_POINTER,
      message: `the date in ${quoted(bucket)} is later than tomorrow, ${tomorrow} in UTC`,
      fix: "check the clock of whoever names the buckets, and label with the day on which the bucket was made",
      subject: bucket,
    }),
  ];
}

function checkRollback(
  { object, oldObject, params }: Examination,
  bucket: string,
  { name, date }: BucketParts,
): readonly Violation[] {
  const oldBucket = labelOf(oldObject, BUCKET_LABEL);
  if (oldBucket === undefined || name === undefined || date === undefined) return [];
  const old = params.parseBucket(oldBucket);
  if ("problem" in old || old.name !== name || old.date === undefined) return [];
  if (date >= old.date || annotationOf(object, ALLOW_ROLLBACK) === "true") return [];
  return [
    violationOf("ING-ROLLBACK", {
      path: BUCKET_POINTER,
      message: `the bucket goes back from ${old.date} to ${date}`,
      fix: `if that is meant, add the annotation ${ALLOW_ROLLBACK}: "true" in the same patch`,
      subject: bucket,
    }),
  ];
}
