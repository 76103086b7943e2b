import type { Severity, Violation, ViolationCode } from "../rule.ts";

/** In the order in which violations are reported. */
const TABLE = {
  "VEL-SPACE": ["error", "a name has white space around it, which Velero takes as part of the name"],
  "VEL-EMPTY-ITEM": ["warning", "a list has an item without a name"],
  "VEL-DUP": ["warning", "a list names a volume twice"],
  "VEL-MODE": ["warning", "mode is opt-out, where Velero doesn't read backup-volumes"],
  "VEL-UNKNOWN": ["error", "a list names something that is not a volume of the Pod, such as its claim"],
  "VEL-UNSUPPORTED": ["error", "backup-volumes names a volume of a sort that Velero never reads, such as a hostPath"],
  "VEL-EPHEMERAL": ["error", "backup-volumes names a generic ephemeral volume, which makes the backup fail in part"],
  "VEL-BLOCK": ["warning", "backup-volumes names a block device (volumeDevices), which Velero skips"],
  "VEL-INIT-ONLY": ["warning", "backup-volumes names a volume that init containers alone mount, which Velero skips"],
  "VEL-UNMOUNTED": ["warning", "backup-volumes names a volume that no container mounts, which Velero skips"],
  "VEL-TMPFS": ["warning", "backup-volumes names an emptyDir in memory"],
  "VEL-MISSING": ["warning", "a mounted claim is in neither list, so that nobody decided about its backup"],
  "VEL-CONFLICT": ["warning", "both lists name the same volume"],
  "VEL-EXCLUDE-IGNORED": ["warning", "backup-volumes-excludes names something that is not a volume of the Pod"],
  "VEL-HOOK-JSON": ["error", "a hook command is meant as a JSON array and isn't one of strings"],
  "VEL-HOOK-SHELL": ["warning", "a hook command is written as for a shell, and Velero starts none"],
  "VEL-HOOK-CONTAINER": ["error", "a hook names a container that the Pod doesn't have"],
  "VEL-HOOK-ONERROR": ["warning", "on-error is neither Fail nor Continue"],
  "VEL-HOOK-TIMEOUT": ["error", "a timeout is not a Go duration, or (a warning) not above zero"],
  "VEL-HOOK-ORPHAN": ["warning", "a hook has settings, and no command or image that they could apply to"],
  "VEL-HOOK-INIT-CMD": ["error", "a restore init container has an image and no command, which can crash the restore"],
  "VEL-MISPLACED": ["warning", "a Velero annotation is where Velero doesn't read it"],
  "VEL-AS-LABEL": ["warning", "a Velero annotation is written as a label"],
} as const satisfies Readonly<Record<string, readonly [Severity, string]>>;

export type VeleroCode = keyof typeof TABLE;

export const CODES: readonly ViolationCode[] = Object.entries(TABLE).map(([code, [severity, summary]]) => ({
  code,
  severity,
  summary,
}));

/** All of a violation but its code; `severity` only where it is not the code's own. */
export type Finding = Omit<Violation, "code" | "severity"> & { readonly severity?: Severity };

export function violationOf(code: VeleroCode, finding: Finding): Violation {
  return { code, severity: TABLE[code][0], ...finding };
}
