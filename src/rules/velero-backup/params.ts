import type { FromSchema, JSONSchema } from "json-schema-to-ts";

export const paramsSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    mode: {
      enum: ["opt-in", "opt-out", "off"],
      description:
        "How Velero chooses volumes, which a Pod doesn't tell. opt-in: those in backup-volumes. opt-out: all but those " +
        "in backup-volumes-excludes (--default-volumes-to-fs-backup). off: file system backup is not in use; only " +
        "hooks are judged.",
      default: "opt-in",
    },
    normalise: {
      type: "boolean",
      description:
        "Whether the patch removes white space, empty items and repetitions from a user's own backup-volumes.",
      default: true,
    },
    includeJobs: {
      type: "boolean",
      description: "Whether Jobs, CronJobs and their Pods take part: Velero skips a Pod that has finished.",
      default: false,
    },
    includeEmptyDir: {
      type: "boolean",
      description: "Whether an emptyDir that is mounted, and not in memory, is to be backed up like a claim.",
      default: false,
    },
    strictPlacement: {
      type: "boolean",
      description: "Whether VEL-MISPLACED is an error.",
      default: false,
    },
  },
} as const satisfies JSONSchema;

export type Params = FromSchema<typeof paramsSchema>;
