import fc from "fast-check";
import jsonPatch from "fast-json-patch";
import { describe, expect, it } from "vitest";
import { applyPatches } from "../../src/kube/json-patch.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { bucketNameProblem } from "../../src/rules/ingress-bucket/bucket-name.ts";
import { isCalendarDay } from "../../src/rules/ingress-bucket/bucket-pattern.ts";
import { HTTP_ROUTES } from "../../src/rules/ingress-bucket/http-route.ts";
import { compileParams } from "../../src/rules/ingress-bucket/params.ts";
import {
  bucketOf,
  countCaptureGroups,
  redirectRewrite,
  unsafeReason,
} from "../../src/rules/ingress-bucket/rewrites.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { InvalidParams } from "../../src/rules/rule.ts";
import { casesOf } from "../support/cases.ts";

const defaults = {
  staticLabels: { role: "static" },
  requiredLabels: ["app", "role", "bucket"],
  bucketPattern: ".*",
  s3: "minio" as const,
  nginxSemantics: "unset" as const,
  addRewrite: "off" as const,
  backends: ["minio"],
  consolePorts: [9001, "console"],
  snippetNamespaces: [],
  tls: "warn" as const,
};
const params = compileParams(defaults);
const LEGACY = "ingress.kubernetes.io/rewrite-target";

const INGRESSES = "ingresses.networking.k8s.io";

interface Question {
  readonly oldObject?: KubernetesObject | undefined;
  readonly resource?: string;
  readonly params?: typeof params;
  readonly mutate?: boolean;
}

function verdictOf(object: KubernetesObject, question: Question = {}) {
  const { oldObject, resource = INGRESSES, mutate = false } = question;
  const request = { resource, kind: "", namespace: "application", username: "alice", trustedController: false };
  return ingressBucket.evaluate({
    operation: oldObject ? "UPDATE" : "CREATE",
    object,
    ...(oldObject && { oldObject }),
    request,
    now: new Date("2026-11-21T12:00:00Z"),
    params: question.params ?? params,
    mutate,
  });
}

function violationsOf(object: KubernetesObject, question: Question = {}) {
  return verdictOf(object, question).violations;
}

function codesOf(object: KubernetesObject, question: Question = {}): readonly string[] {
  return violationsOf(object, question).map(({ code }) => code);
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
    "haproxy.org/path-rewrite",
    "nginx.org/rewrites",
    "nginx.ingress.kubernetes.io/auth-url",
    "nginx.ingress.kubernetes.io/server-snippet",
    "kubernetes.io/ingress.class",
  ),
  fc.oneof(
    fc.string(),
    fc.constantFrom("/photos", "/photos/$1", "/$2", "(.*) /photos\\1", "serviceName=minio rewrite=/photos/;"),
  ),
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

const filter = fc.record(
  {
    type: fc.oneof(fc.constantFrom("URLRewrite", "RequestRedirect", "ExtensionRef"), json),
    extensionRef: json,
    urlRewrite: fc.oneof(
      fc.record({
        path: fc.record(
          {
            type: fc.constantFrom("ReplacePrefixMatch", "ReplaceFullPath"),
            replacePrefixMatch: fc.oneof(fc.string(), fc.constantFrom("/photos", "/photos/$1"), json),
            replaceFullPath: fc.oneof(fc.string(), fc.constantFrom("/photos", "/photos/a.jpg"), json),
          },
          { requiredKeys: ["type"] },
        ),
      }),
      json,
    ),
  },
  { requiredKeys: ["type"] },
);
const filters = fc.oneof(fc.array(fc.oneof(filter, json)), json);
const routeRule = fc.record(
  {
    matches: fc.oneof(
      fc.array(fc.oneof(fc.record({ path: fc.oneof(fc.record({ type: json, value: json }), json) }), json)),
      json,
    ),
    filters,
    backendRefs: fc.oneof(
      fc.array(fc.oneof(fc.record({ name: json, port: json, kind: json, filters }, { requiredKeys: [] }), json)),
      json,
    ),
  },
  { requiredKeys: [] },
);
const httpRoute = fc.record({
  metadata: fc.oneof(fc.constant(null), fc.record({ labels, annotations }, { requiredKeys: [] })),
  spec: fc.oneof(
    fc.record(
      { rules: fc.oneof(fc.array(fc.oneof(routeRule, json)), json), hostnames: json, parentRefs: json },
      { requiredKeys: [] },
    ),
    json,
  ),
});

describe.each([
  ["Ingress", ingress, INGRESSES],
  ["HTTPRoute", httpRoute, HTTP_ROUTES],
])("any %s", (_kind, object, resource) => {
  it("gets a verdict, whatever JSON its spec is", () => {
    fc.assert(
      fc.property(object, fc.option(object, { nil: undefined }), (written, oldObject) => {
        for (const { code, message, fix } of violationsOf(written as KubernetesObject, {
          oldObject: oldObject as KubernetesObject | undefined,
          resource,
        })) {
          expect(ingressBucket.codes.map((row) => row.code)).toContain(code);
          expect(message).not.toMatch(/\p{Cc}/u);
          expect(fix ?? "").not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });
});

describe("the command that switches an HTTPRoute", () => {
  const routeOf = (label: string | undefined, values: readonly string[]) => ({
    metadata: { labels: { app: "web", role: "static", ...(label !== undefined && { bucket: label }) } },
    spec: {
      hostnames: ["a.example.com"],
      rules: values.map((replacePrefixMatch) => {
        const path = { type: "ReplacePrefixMatch", replacePrefixMatch };
        return {
          filters: [{ type: "URLRewrite", urlRewrite: { path } }],
          backendRefs: [{ name: "minio", port: 9000 }],
        };
      }),
    },
  });
  const tail = fc.constantFrom("", "/", "/fr");
  const patchesIn = (object: KubernetesObject, oldObject: KubernetesObject | undefined) =>
    violationsOf(object, { oldObject, resource: HTTP_ROUTES }).flatMap(({ code, fix = "" }) => {
      const [, operations] = /kubectl patch httproute NAME --type=json -p '([^']*)'$/.exec(fix) ?? [];
      return code === "ING-MISMATCH" && operations !== undefined ? [JSON.parse(operations)] : [];
    });

  it("fits what is stored, and leaves nothing of the mismatch", () => {
    const stored = fc.record({
      label: fc.option(bucket, { nil: undefined }),
      tails: fc.array(tail, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(stored, bucket, fc.boolean(), ({ label, tails }, wanted, isLabelAlone) => {
        const valuesIn = (name: string) => tails.map((end) => `/${name}${end}`);
        const oldObject = routeOf(label, valuesIn(label ?? "stale"));
        const object = isLabelAlone ? routeOf(wanted, valuesIn(label ?? "stale")) : routeOf(label, valuesIn(wanted));
        const patches = patchesIn(object, oldObject);
        expect(patches).toHaveLength(
          codesOf(object, { oldObject, resource: HTTP_ROUTES }).filter((code) => code === "ING-MISMATCH").length,
        );
        for (const patch of patches) {
          const switched = jsonPatch.applyPatch(structuredClone(oldObject), patch, true).newDocument;
          expect(switched).toEqual(routeOf(wanted, valuesIn(wanted)));
        }
      }),
    );
  });

  it("has no place for a stored value that would close its quote", () => {
    const [patch] = patchesIn(routeOf("photos", ["/b"]), routeOf("photos", ["/a'; rm -r ."]));
    expect(JSON.stringify(patch)).not.toContain("rm");
    expect(patch).toContainEqual(expect.objectContaining({ op: "replace", value: "/photos" }));
  });
});

describe("a static site", () => {
  it("has a mismatch exactly when label and rewrite name two buckets", () => {
    fc.assert(
      fc.property(bucket, fc.oneof(bucket, fc.constant(undefined)), (label, other) => {
        const object = {
          metadata: {
            labels: { app: "web", role: "static", bucket: label },
            annotations: { [LEGACY]: `/${other ?? label}` },
          },
        };
        expect(codesOf(object).includes("ING-MISMATCH")).toBe(other !== undefined && other !== label);
        const type = "ReplacePrefixMatch";
        const filters = [
          { type: "URLRewrite", urlRewrite: { path: { type, replacePrefixMatch: `/${other ?? label}` } } },
        ];
        const route = { metadata: { labels: object.metadata.labels }, spec: { rules: [{ filters }] } };
        const codes = codesOf(route, { resource: HTTP_ROUTES });
        expect(codes.includes("ING-MISMATCH")).toBe(other !== undefined && other !== label);
      }),
    );
  });
});

describe("the rewrite that the rule writes", () => {
  const addRewrite = fc.constantFrom(
    "legacy" as const,
    "nginx" as const,
    "traefik" as const,
    "haproxy-ingress" as const,
  );
  const nginxSemantics = fc.constantFrom("unset" as const, "capture" as const, "append" as const);
  const servedPath = fc.constantFrom(
    "/",
    "/(.*)",
    "/a",
    "/a(/|$)(.*)",
    "/a/(.*)",
    "/(a|b)/(.*)",
    "/[/(.*)",
    "/a(.*)",
    "/\\(/(.*)",
  );
  const site = fc.record({ bucket, paths: fc.array(servedPath, { maxLength: 3 }), others: annotations });

  it("repairs what it is for, breaks nothing else, and is written once", () => {
    fc.assert(
      fc.property(addRewrite, nginxSemantics, site, (dialect, semantics, { bucket: name, paths, others }) => {
        const own = {
          params: compileParams({ ...defaults, addRewrite: dialect, nginxSemantics: semantics }),
          mutate: true,
        };
        const object = {
          metadata: { labels: { app: "web", role: "static", bucket: name }, annotations: others },
          spec: { rules: [{ host: "a.example.com", http: { paths: paths.map((served) => ({ path: served })) } }] },
        };
        const { patches, violations } = verdictOf(object, own);
        const patched = applyPatches(object, patches);
        expect(verdictOf(patched, own)).toEqual({ patches: [], violations });
        if (patches.length === 0) return;
        const codes = codesOf(patched, { ...own, mutate: false });
        for (const code of ["ING-MISSING-REWRITE", "ING-MISMATCH", "ING-TAIL-LOST", "ING-CAPTURE", "ING-UNSAFE"]) {
          expect(codes).not.toContain(code);
        }
        expect(codesOf(object)).toContain("ING-MISSING-REWRITE");
      }),
      { numRuns: 1000 },
    );
  });

  it("is there for every path that ends in one capture of all that follows a slash", () => {
    const written = (served: readonly string[]) => {
      const own = { params: compileParams({ ...defaults, addRewrite: "nginx" }), mutate: true };
      const metadata = { labels: { bucket: "photos" } };
      const rules = [{ http: { paths: served.map((path) => ({ path })) } }];
      return verdictOf({ metadata, spec: { rules } }, own).patches.map(({ value }) => Object.values(value)[0]);
    };
    expect(written(["/(.*)", "/a/(.*)"])).toEqual(["/photos/$1"]);
    expect(written(["/a(/|$)(.*)"])).toEqual(["/photos/$2"]);
    // The slash in the capture, none at all, two that differ, more than a digit counts, and one that is in brackets.
    for (const served of [
      ["/x(/.*)?"],
      ["/"],
      [],
      ["/(.*)", "/a(/|$)(.*)"],
      [`/${"(a)".repeat(9)}/(.*)`],
      ["/[/(.*)"],
    ]) {
      expect(written(served), served.join()).toEqual([]);
    }
  });

  it("is never one of an HTTPRoute", () => {
    const own = { params: compileParams({ ...defaults, addRewrite: "legacy" }), mutate: true, resource: HTTP_ROUTES };
    fc.assert(
      fc.property(httpRoute, (object) => {
        expect(verdictOf(object as KubernetesObject, own).patches).toEqual([]);
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

  it("is one of 32 in a value at most, so that a value is not judged as a whole for each of thousands", () => {
    const unsafe = (lines: number) => {
      const value = Array(lines).fill("/photos\\1");
      const metadata = { annotations: { "haproxy.org/path-rewrite": value.join("\n") } };
      return codesOf({ metadata }).includes("ING-UNSAFE");
    };
    expect([unsafe(32), unsafe(33)]).toEqual([false, true]);
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

it("has every vector of the specification among its cases", () => {
  const vectors = new Set(casesOf(ingressBucket as never).map(({ vector }) => vector));
  expect([...Array(24).keys()].map((index) => `B${index + 1}`).filter((vector) => !vectors.has(vector))).toEqual([]);
});

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
