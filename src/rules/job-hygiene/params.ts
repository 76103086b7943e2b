import type { FromSchema, JSONSchema } from "json-schema-to-ts";

/** ttlSecondsAfterFinished and backoffLimit are int32 in the API; the deadlines are longer, and 68 years are enough. */
const MAX_INT32 = 2 ** 31 - 1;

export const CONCURRENCY_POLICIES = ["Allow", "Forbid", "Replace"] as const;

export const paramsSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    ttlSeconds: {
      type: "integer",
      minimum: 0,
      maximum: MAX_INT32,
      description: "The ttlSecondsAfterFinished that JOB-TTL suggests; any other is as good.",
      default: 86400,
    },
    maxBackoffLimit: {
      type: "integer",
      minimum: 0,
      maximum: MAX_INT32,
      description: "The highest backoffLimit without JOB-BACKOFF. Kubernetes' own default is 6.",
      default: 6,
    },
    deadlineSeconds: {
      type: "integer",
      minimum: 1,
      maximum: MAX_INT32,
      description: "The activeDeadlineSeconds that JOB-DEADLINE suggests; any other is as good.",
      default: 3600,
    },
    requireGenerateName: {
      type: "boolean",
      description: "Whether a Job has to have generateName (JOB-NAME): for namespaces in which programs create Jobs.",
      default: false,
    },
    concurrencyPolicies: {
      type: "array",
      minItems: 1,
      uniqueItems: true,
      items: { enum: CONCURRENCY_POLICIES },
      description: "What concurrencyPolicy of a CronJob may be without JOB-CONCURRENCY; the first is suggested.",
      default: [...CONCURRENCY_POLICIES],
    },
    requireStartingDeadline: {
      type: "boolean",
      description: "Whether a CronJob has to have startingDeadlineSeconds (JOB-STARTING-DEADLINE).",
      default: false,
    },
    startingDeadlineSeconds: {
      type: "integer",
      // Kubernetes' documentation: the controller may miss a run with less than 10.
      minimum: 10,
      maximum: MAX_INT32,
      description: "The startingDeadlineSeconds that JOB-STARTING-DEADLINE suggests; any other is as good.",
      default: 300,
    },
  },
} as const satisfies JSONSchema;

export type Params = FromSchema<typeof paramsSchema>;
