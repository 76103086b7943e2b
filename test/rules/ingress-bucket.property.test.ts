import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { bucketNameProblem } from "../../src/rules/ingress-bucket/bucket-name.ts";
import { isCalendarDay } from "../../src/rules/ingress-bucket/bucket-pattern.ts";
import { compileParams } from "../../src/rules/ingress-bucket/params.ts";
import {
  bucketOf,
  countCaptureGroups,
  redirectRewrite,
  unsafeReason,
} from "../../src/rules/ingress-bucket/rewrites.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { InvalidParams } from "../../src/rules/rule.ts";

const defaults = {
  staticLabels: { role: "static" },
  requiredLabels: ["app", "role", "bucket"],
  bucketPattern: ".*",
  s3: "minio" as const,
  nginxSemantics: "unset" as const,
  backends: ["minio"],
  consolePorts: [9001, "console"],
  snippetNamespaces: [],
  tls: "warn" as const,
};
const params = compileParams(defaults);
const LEGACY = "ingress.kubernetes.io/rewrite-target";

function violationsOf(object: KubernetesObject, oldObject?: KubernetesObject) {
  const request = {
    resource: "",
    kind: "Ingress",
    namespace: "application",
    username: "alice",
    trustedController: false,
  };
  return ingressBucket.evaluate({
    operation: oldObject ? "UPDATE" : "CREATE",
    object,
    ...(oldObject && { oldObject }),
    request,
    now: new Date("2026-11-21T12:00:00Z"),
    params,
    mutate: false,
  }).violations;
}

/** Written from the documentation of bucket names, as minio-go has it, and not from the code under test. */
function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !/\.\.|\.-|-\./.test(name) &&
    !/^(\d+\.){3}\d+$/.test(name) &&
    name !== "minio"
  );
}

const almostBucket = fc.string({ unit: fc.constantFrom(..."az09..--1A_"), minLength: 1, maxLength: 65 });
const address = fc.array(fc.nat(300), { minLength: 3, maxLength: 5 }).map((numbers) => numbers.join("."));
const bucket = almostBucket.filter(isBucketName);

const labels = fc.dictionary(fc.constantFrom("app", "role", "bucket"), fc.constantFrom("", "static", "photos", "A_b"));
const annotations = fc.dictionary(
  fc.constantFrom(
    LEGACY,
    "nginx.ingress.kubernetes.io/rewrite-target",
    "example.com/rewrite-target",
    "nginx.ingress.kubernetes.io/auth-url",
    "nginx.ingress.kubernetes.io/server-snippet",
    "kubernetes.io/ingress.class",
  ),
  fc.oneof(fc.string(), fc.constantFrom("/photos", "/photos/$1", "/$2")),
);
const json = fc.jsonValue();
const path = fc.record(
  { path: fc.oneof(fc.string(), json), pathType: fc.oneof(fc.constant("Exact"), json), backend: json },
  { requiredKeys: [] },
);
const rule = fc.record(
  { host: fc.oneof(fc.string(), json), http: fc.oneof(fc.record({ paths: fc.array(fc.oneof(path, json)) }), json) },
  { requiredKeys: [] },
);
const spec = fc.record(
  {
    rules: fc.oneof(fc.array(fc.oneof(rule, json)), json),
    tls: fc.oneof(fc.array(fc.record({ hosts: json })), json),
    defaultBackend: fc.oneof(fc.record({ service: json }), json),
    ingressClassName: json,
  },
  { requiredKeys: [] },
);
const ingress = fc.record({
  metadata: fc.oneof(fc.constant(null), fc.record({ labels, annotations }, { requiredKeys: [] })),
  spec: fc.oneof(spec, json),
});

describe("any Ingress", () => {
  it("gets a verdict, whatever JSON its spec is", () => {
    fc.assert(
      fc.property(ingress, fc.option(ingress, { nil: undefined }), (object, oldObject) => {
        for (const { code, message, fix } of violationsOf(object, oldObject)) {
          expect(ingressBucket.codes.map((row) => row.code)).toContain(code);
          expect(message).not.toMatch(/\p{Cc}/u);
          expect(fix ?? "").not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });

  it("has a mismatch exactly when label and rewrite name two buckets", () => {
    fc.assert(
      fc.property(bucket, fc.oneof(bucket, fc.constant(undefined)), (label, other) => {
        const object = {
          metadata: {
            labels: { app: "web", role: "static", bucket: label },
            annotations: { [LEGACY]: `/${other ?? label}` },
          },
        };
        const codes = violationsOf(object).map(({ code }) => code);
        expect(codes.includes("ING-MISMATCH")).toBe(other !== undefined && other !== label);
      }),
    );
  });
});

describe("a rewrite", () => {
  const hostile = fc.constantFrom(
    "\n",
    "\r",
    "\t",
    "\0",
    "\x7f",
    "$host",
    "$",
    ";",
    "{",
    "}",
    '"',
    "'",
    "`",
    "\\",
    "#",
    " ",
  );

  it("is unsafe with anything that means something to a controller's configuration", () => {
    const plain = fc.string({ unit: fc.constantFrom(..."ab01._~-/"), maxLength: 12 });
    fc.assert(
      fc.property(plain, hostile, plain, (before, character, after) => {
        fc.pre(character !== "$" || !/^[0-9]/.test(after));
        expect(unsafeReason(`/${before}${character}${after}`)).toBeDefined();
      }),
    );
  });

  it("that is safe is made of nothing else than plain segments and numbered captures", () => {
    const unit = fc.oneof(fc.constantFrom(..."/ab.$1"), fc.string({ minLength: 1, maxLength: 1 }));
    fc.assert(
      fc.property(fc.string({ unit }), (value) => {
        fc.pre(unsafeReason(value) === undefined);
        expect(value.replaceAll(/\$[0-9]/g, "")).toMatch(/^\/[A-Za-z0-9._~/-]*$/);
        expect(value.split("/").slice(1, -1)).not.toContain("");
        expect(value.split("/")).not.toContain("..");
      }),
      { numRuns: 1000 },
    );
  });

  it("goes to its first segment, and can be sent to another", () => {
    fc.assert(
      fc.property(bucket, bucket, fc.constantFrom("", "/", "/x", "/x/$1", "$1", "$1/x"), (name, other, tail) => {
        expect(bucketOf(`/${name}${tail}`)).toBe(name);
        expect(redirectRewrite(`/${name}${tail}`, other)).toBe(`/${other}${tail}`);
        expect(bucketOf(redirectRewrite("/$1", other))).toBe(other);
      }),
    );
  });

  it("may be 1024 characters long and no longer", () => {
    expect(unsafeReason(`/${"a".repeat(1023)}`)).toBeUndefined();
    expect(unsafeReason(`/${"a".repeat(1024)}`)).toContain("1024");
  });
});

describe("a bucket's name", () => {
  it("is valid where an independent reading of the documentation says so", () => {
    fc.assert(
      fc.property(fc.oneof(almostBucket, address, fc.constantFrom("minio", "minio2", "ab", "a-b")), (name) => {
        expect(bucketNameProblem(name, "minio") === undefined).toBe(isBucketName(name));
      }),
      { numRuns: 2000 },
    );
  });

  it("has a date that Date knows, too", () => {
    const part = (max: number, digits: number) => fc.nat(max).map((value) => String(value).padStart(digits, "0"));
    fc.assert(
      fc.property(part(9999, 4), part(13, 2), part(32, 2), (year, month, day) => {
        const written = `${year}-${month}-${day}`;
        const date = new Date(`${written}T00:00:00Z`);
        // Date takes 30 February for 1 March, but then writes it so.
        const exists = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(written);
        expect(isCalendarDay(`${year}${month}${day}`)).toBe(exists);
      }),
      { numRuns: 2000 },
    );
  });
});

it("counts the captures that the regular expression engine finds", () => {
  const unit = fc.constantFrom(
    "a",
    "(",
    ")",
    "(?:",
    "(?<",
    "n>",
    "(?=",
    "(?<!",
    "\\(",
    "\\\\",
    "[",
    "]",
    "[(]",
    "|",
    ".*",
  );
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (pattern) => {
      const captures = countByEngine(pattern);
      fc.pre(captures !== undefined);
      expect(countCaptureGroups(pattern)).toBe(captures);
    }),
    { numRuns: 1000 },
  );
});

/** Undefined when it is no regular expression. */
function countByEngine(pattern: string): number | undefined {
  try {
    return (new RegExp(`${pattern}|`).exec("")?.length ?? 0) - 1;
  } catch {
    return undefined;
  }
}

describe("params", () => {
  it.each(["(", "(?=a)", "a".repeat(2000)])("refuse the pattern %s", (bucketPattern) => {
    expect(() => compileParams({ ...defaults, bucketPattern })).toThrow(InvalidParams);
  });

  it("find the name and the day in a bucket", () => {
    const { parseBucket } = compileParams({ ...defaults, bucketPattern: "(?<name>[a-z]+)(-(?<date>[0-9]{8}))?" });
    expect(parseBucket("blog-20240229")).toEqual({ name: "blog", date: "20240229" });
    expect(parseBucket("blog")).toEqual({ name: "blog" });
    expect(parseBucket("blog-20230229")).toHaveProperty("problem");
    expect(parseBucket("blog-")).toHaveProperty("problem");
    expect(params.parseBucket("anything")).toEqual({});
  });
});
