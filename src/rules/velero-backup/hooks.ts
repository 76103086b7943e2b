/** The hook annotations of a Pod. Velero can't tell an empty one from an absent one, and neither does this. */
import { parseGoDuration } from "../../kube/go-duration.ts";
import { jsonPointer } from "../../kube/json-pointer.ts";
import { recordList, stringField } from "../../kube/objects.ts";
import { quoted } from "../../kube/quoted.ts";
import type { Violation } from "../rule.ts";
import type { BackedUpPod } from "./backed-up-pod.ts";
import { violationOf } from "./codes.ts";
import { faultOfCommand } from "./hook-command.ts";
import { hasKeyWith } from "./keys.ts";

interface Hook {
  /** Of its annotations: the part before the slash. */
  readonly prefix: string;
  /** Without this one Velero doesn't look at the others. */
  readonly trigger: "command" | "container-image";
  readonly settings: readonly string[];
  readonly durations: readonly string[];
}

const BACKUP_SETTINGS = {
  trigger: "command",
  settings: ["container", "on-error", "timeout"],
  durations: ["timeout"],
} as const;

const HOOKS: readonly Hook[] = [
  { prefix: "pre.hook.backup.velero.io", ...BACKUP_SETTINGS },
  // The key of the time before phases: Velero takes it for a pre hook where there is none.
  { prefix: "hook.backup.velero.io", ...BACKUP_SETTINGS },
  { prefix: "post.hook.backup.velero.io", ...BACKUP_SETTINGS },
  {
    prefix: "post.hook.restore.velero.io",
    trigger: "command",
    settings: ["container", "on-error", "exec-timeout", "wait-timeout", "wait-for-ready"],
    durations: ["exec-timeout", "wait-timeout"],
  },
  {
    prefix: "init.hook.restore.velero.io",
    trigger: "container-image",
    settings: ["command", "container-name", "timeout"],
    // Velero declares a timeout here and never reads it.
    durations: [],
  },
];

export const HOOK_KEYS: readonly string[] = HOOKS.flatMap(({ prefix, trigger, settings }) =>
  [trigger, ...settings].map((setting) => `${prefix}/${setting}`),
);

/** Part of every one of them. */
const HOOK = "hook.";

/** A choice, not an inventory. */
const MAX_CHOICES = 5;

export function judgeHooks(pod: BackedUpPod): Violation[] {
  if (!hasKeyWith(HOOK, pod.annotations)) return [];
  return HOOKS.flatMap((hook) => judgeHook(pod, hook));
}

function judgeHook(pod: BackedUpPod, hook: Hook): Violation[] {
  const read = (setting: string) => stringField(pod.annotations, `${hook.prefix}/${setting}`) ?? "";
  const pathOf = (setting: string) =>
    `${pod.metadataPointer}${jsonPointer("annotations", `${hook.prefix}/${setting}`)}`;

  if (read(hook.trigger) === "") {
    return hook.settings
      .filter((setting) => read(setting) !== "")
      .map((setting) => {
        const message = `there is no ${hook.trigger} for it`;
        const fix = `add ${hook.prefix}/${hook.trigger}, or remove this`;
        return violationOf("VEL-HOOK-ORPHAN", { path: pathOf(setting), message, fix });
      });
  }

  const command = judgeCommand(read("command"), pathOf("command"));
  if (hook.trigger === "container-image") return command;
  return [
    ...command,
    ...judgeContainer(pod, read("container"), pathOf("container")),
    ...judgeOnError(read("on-error"), pathOf("on-error")),
    ...hook.durations.flatMap((setting) => judgeDuration(read(setting), pathOf(setting))),
  ];
}

function judgeCommand(command: string, path: string): Violation[] {
  if (command === "") {
    const message = "an init container without a command can crash Velero's restore";
    return [violationOf("VEL-HOOK-INIT-CMD", { path, message, fix: 'add a command, such as ["/restore.sh"]' })];
  }
  const fault = faultOfCommand(command);
  if (fault === undefined) return [];
  const { code, ...finding } = fault;
  return [violationOf(code, { path, ...finding, subject: command })];
}

function judgeContainer(pod: BackedUpPod, name: string, path: string): Violation[] {
  const names = recordList(pod.spec, "containers").flatMap((container) => stringField(container, "name") ?? []);
  if (name === "" || names.includes(name)) return [];
  const fix = `name one of spec.containers: ${names.slice(0, MAX_CHOICES).map(quoted).join(", ")}`;
  const isSidecar = recordList(pod.spec, "initContainers").some(
    (container) => stringField(container, "name") === name && stringField(container, "restartPolicy") === "Always",
  );
  if (isSidecar) {
    const message = `Velero up to 1.18.1 finds no sidecar ${quoted(name)}`;
    return [violationOf("VEL-HOOK-CONTAINER", { severity: "warning", path, message, fix, subject: name })];
  }
  const message = `no container is named ${quoted(name)}`;
  return [violationOf("VEL-HOOK-CONTAINER", { path, message, fix, subject: name })];
}

function judgeOnError(value: string, path: string): Violation[] {
  if (value === "" || value === "Fail" || value === "Continue") return [];
  const message = `Velero doesn't know ${quoted(value)}`;
  const fix = "write Fail or Continue, or Velero takes its default";
  return [violationOf("VEL-HOOK-ONERROR", { path, message, fix, subject: value })];
}

function judgeDuration(value: string, path: string): Violation[] {
  if (value === "") return [];
  const nanoseconds = parseGoDuration(value);
  if (nanoseconds === undefined) {
    const message = `${quoted(value)} is not a duration, so Velero takes its default`;
    const fix = /^\d{1,6}$/.test(value) ? `give a unit: ${value}s` : "write it like 30s, 3m or 1h30m";
    return [violationOf("VEL-HOOK-TIMEOUT", { path, message, fix, subject: value })];
  }
  if (nanoseconds > 0) return [];
  const message = `${quoted(value)} is not above zero`;
  const fix = "write it like 30s, or remove it for Velero's default";
  return [violationOf("VEL-HOOK-TIMEOUT", { severity: "warning", path, message, fix, subject: value })];
}
