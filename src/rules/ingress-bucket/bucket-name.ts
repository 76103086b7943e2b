/** Which names a bucket can have, by MinIO's IsValidBucketName and by Amazon's rules for general purpose buckets. */

/** What Amazon S3 keeps for itself; the suffix -an, valid for buckets of a regional namespace, is let through. */
const AWS_PREFIXES: readonly string[] = ["xn--", "sthree-", "amzn-s3-demo-"];
const AWS_SUFFIXES: readonly string[] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/** MinIO keeps its own data beside the buckets, under `minio` and `.minio.sys`; the dot in front rules the latter out. */
const MINIO_RESERVED = "minio";

export type S3 = "minio" | "aws";

/** Why this can't be a bucket, as the end of a sentence; undefined when it can. */
export function bucketNameProblem(bucket: string, s3: S3): string | undefined {
  if (bucket.length < 3 || bucket.length > 63) return "must have 3 to 63 characters";
  if (!/^[a-z0-9.-]*$/.test(bucket)) return "must be of a-z, 0-9, - and . only";
  const pieces = bucket.split(".");
  if (pieces.some((piece) => piece === "" || piece.startsWith("-") || piece.endsWith("-"))) {
    return "must begin and end, also around every dot, with a letter or digit";
  }
  if (pieces.length === 4 && pieces.every((piece) => /^[0-9]+$/.test(piece))) return "must not look like an IP address";
  if (bucket === MINIO_RESERVED) return "is MinIO's own";
  return s3 === "aws" ? awsProblem(bucket) : undefined;
}

function awsProblem(bucket: string): string | undefined {
  const prefix = AWS_PREFIXES.find((candidate) => bucket.startsWith(candidate));
  if (prefix !== undefined) return `begins with ${prefix}, which Amazon S3 keeps for itself`;
  const suffix = AWS_SUFFIXES.find((candidate) => bucket.endsWith(candidate));
  return suffix === undefined ? undefined : `ends with ${suffix}, which Amazon S3 keeps for itself`;
}

/** The first that can be a bucket, for a line that people will paste into a shell; BUCKET when none can. */
export function suggestBucket(candidates: readonly (string | undefined)[], s3: S3): string {
  return candidates.find((name) => name !== undefined && bucketNameProblem(name, s3) === undefined) ?? "BUCKET";
}
