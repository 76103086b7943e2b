/** Checks of the rewrites: that they are there, that they are safe, and that they go where the label bucket says. */
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import { LEGACY_REWRITE, NGINX_REWRITE } from "./annotation-rewrites.ts";
import { suggestBucket } from "./bucket-name.ts";
import { violationOf } from "./codes.ts";
import type { Examination } from "./examination.ts";
import { bucketOf, type Dialect, type Rewrite } from "./rewrites.ts";
import type { Route, Unrewritten } from "./route.ts";
import { describeSwitch } from "./switch-command.ts";

export function checkRewritePresence(examination: Examination): readonly Violation[] {
  const { isStatic, route, bucket, params } = examination;
  if (!isStatic) return [];
  return route.unrewritten.flatMap((place) => {
    if (place.external) return externalRewrite(route.kind, place, place.external);
    if (bucket === undefined) return [];
    const words = MISSING[route.kind];
    return violationOf("ING-MISSING-REWRITE", {
      path: place.pointer,
      message: `the label bucket says ${quoted(bucket)}, but ${words.message}`,
      fix: words.fix(suggestBucket([bucket], params.s3)),
      subject: place.key === undefined ? bucket : `${place.key} ${bucket}`,
    });
  });
}

const MISSING = {
  Ingress: {
    message: "no annotation rewrites to it",
    fix: (bucket: string) =>
      `add ${LEGACY_REWRITE}: /${bucket} or, for ingress-nginx, ${NGINX_REWRITE}: /${bucket}/$1 with path: /(.*)`,
  },
  HTTPRoute: {
    message: "no filter of this rule rewrites to it",
    fix: (bucket: string) =>
      `add to its filters {type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /${bucket}}}}`,
  },
} as const;

function externalRewrite(
  kind: Route["kind"],
  { key }: Unrewritten,
  { pointer, name }: NonNullable<Unrewritten["external"]>,
): Violation {
  return violationOf("ING-EXTERNAL-REWRITE", {
    path: pointer,
    message:
      kind === "Ingress"
        ? `whether the Middlewares ${quoted(name)} rewrite to the bucket is not checked`
        : `whether the extension ${quoted(name)} rewrites to the bucket is not checked`,
    fix:
      kind === "Ingress"
        ? "check that one of them has addPrefix: {prefix: /BUCKET}, and switch to a Middleware of another name together with the label"
        : "use a filter of type URLRewrite, or check that it goes to the bucket, and switch to another one together with the label",
    subject: key === undefined ? name : `${key} ${name}`,
  });
}

export function checkDialects({ isStatic, route }: Examination): readonly Violation[] {
  if (!isStatic) return [];
  return route.rewrites
    .filter(({ dialect }) => dialect === "unknown")
    .map(({ key, pointer }) =>
      violationOf("ING-DIALECT", {
        path: pointer,
        message: "no known controller reads this annotation; its value is taken to go in front of the path",
        fix: `use the annotation of your controller, such as ${LEGACY_REWRITE} or ${NGINX_REWRITE}`,
        subject: key,
      }),
    );
}

/** On every object, static or not: through rewrite-target nginx could be given configuration (CVE-2026-3288). */
export function checkRewriteSafety({ isStatic, route }: Examination): readonly Violation[] {
  return route.rewrites.flatMap((rewrite) =>
    rewrite.unsafe === undefined || (rewrite.value === "" && !isStatic)
      ? []
      : violationOf("ING-UNSAFE", {
          path: rewrite.pointer,
          message: `the rewrite ${quoted(rewrite.value)} ${rewrite.unsafe}`,
          fix: SAFE_VALUES[rewrite.dialect] ?? "write a plain path, such as /BUCKET or /BUCKET/$1",
          subject: withEntry(rewrite, rewrite.value),
        }),
  );
}

const SAFE_VALUES: Partial<Record<Dialect, string>> = {
  "haproxy.org": "write a pattern and a plain path, such as (.*) /BUCKET\\1",
  "nginx.org": "write serviceName=SERVICE rewrite=/BUCKET/",
  ReplacePrefixMatch: "write a plain path, such as /BUCKET",
  ReplaceFullPath: "write a plain path, such as /BUCKET/index.html",
};

/** Each rewrite by itself, since it is not known which of them the controller reads. */
export function checkMismatch(examination: Examination): readonly Violation[] {
  const { bucket, route } = examination;
  if (bucket === undefined) return [];
  return route.rewrites.flatMap((rewrite) => {
    const named = bucketOf(rewrite.target);
    if (rewrite.unsafe !== undefined || named === bucket) return [];
    return violationOf("ING-MISMATCH", {
      path: rewrite.pointer,
      message: describeMismatch(rewrite.value, named, bucket),
      fix: `switch both in one patch: ${describeSwitch(examination, rewrite)}`,
      subject: withEntry(rewrite, `${bucket} ${rewrite.value}`),
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

function withEntry({ entry }: Rewrite, subject: string): string {
  return entry === undefined ? subject : `${entry} ${subject}`;
}
