import type { FromSchema, JSONSchema } from "json-schema-to-ts";
import { type BucketParser, compileBucketPattern } from "./bucket-pattern.ts";

const strings = { type: "array", items: { type: "string" } } as const;

export const paramsSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    staticLabels: {
      type: "object",
      additionalProperties: { type: "string" },
      description:
        "An Ingress or HTTPRoute is static if it has one of these labels with this value, or the label bucket at all.",
      default: { role: "static" },
    },
    requiredLabels: {
      ...strings,
      description: "Labels that a static Ingress or HTTPRoute must have, not empty.",
      default: ["app", "role", "bucket"],
    },
    bucketPattern: {
      type: "string",
      description:
        "RE2 pattern for the whole label bucket. Its groups name and date (YYYYMMDD), if it has them, are what " +
        "ING-FUTURE and ING-ROLLBACK compare.",
      default: "(?<name>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)-(?<date>\\d{8})",
    },
    s3: {
      enum: ["minio", "aws"],
      description: "Whose bucket names: aws also refuses the prefixes and suffixes that Amazon keeps for itself.",
      default: "minio",
    },
    nginxSemantics: {
      enum: ["unset", "capture", "append"],
      description:
        "What nginx.ingress.kubernetes.io/rewrite-target does. capture: replaces the whole path (ingress-nginx 0.22 " +
        "and later), ING-TAIL-LOST is an error. append: goes in front of the path, no ING-TAIL-LOST. unset: taken " +
        "for capture, ING-TAIL-LOST is a warning.",
      default: "unset",
    },
    addRewrite: {
      enum: ["off", "legacy", "nginx", "traefik", "haproxy-ingress"],
      description:
        "Whose rewrite annotation a new static Ingress gets that has the label bucket and no rewrite; legacy is " +
        "ingress.kubernetes.io/rewrite-target. nginx: only where every path ends in a capture, such as /(.*), " +
        "since the rest of the path would be lost.",
      default: "off",
    },
    backends: {
      ...strings,
      description: "Services that serve buckets; * stands for any run of characters.",
      default: ["minio", "minio-svc", "*-static-svc"],
    },
    consolePorts: {
      type: "array",
      items: { anyOf: [{ type: "integer" }, { type: "string" }] },
      description: "Ports, by number or name, of the storage's web console, which serves no objects.",
      default: [9001, 9090, "console"],
    },
    snippetNamespaces: {
      ...strings,
      description: "Namespaces whose Ingresses may have snippet annotations; * stands for any run of characters.",
      default: [],
    },
    tls: {
      enum: ["off", "warn"],
      description: "Whether every host of an Ingress has to be in spec.tls.",
      default: "off",
    },
  },
} as const satisfies JSONSchema;

export type Params = FromSchema<typeof paramsSchema>;

export interface CompiledParams extends Omit<Params, "bucketPattern"> {
  readonly parseBucket: BucketParser;
}

/** @throws InvalidParams when bucketPattern is not a usable RE2 pattern */
export function compileParams({ bucketPattern, ...params }: Params): CompiledParams {
  return { ...params, parseBucket: compileBucketPattern(bucketPattern) };
}
