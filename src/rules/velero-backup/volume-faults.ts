import { quoted } from "../../kube/quoted.ts";
import type { VeleroCode } from "./codes.ts";
import { isServiceAccountToken, type PodVolume } from "./volumes.ts";

export interface VolumeFault {
  readonly code: VeleroCode;
  readonly message: string;
  readonly fix: string;
}

/** Velero never backs these up, whatever lists name them; an image volume holds nothing that is the Pod's own. */
const UNSUPPORTED: ReadonlySet<string> = new Set([
  "hostPath",
  "secret",
  "configMap",
  "projected",
  "downwardAPI",
  "image",
]);

/** Whether Velero backs it up when a list names it. */
function isBackedUp({ name, source, use, inMemory }: PodVolume): boolean {
  const isReadable = !UNSUPPORTED.has(source) && source !== "ephemeral";
  return isReadable && use === "mounted" && !inMemory && !isServiceAccountToken(name);
}

/** Why naming this volume in backup-volumes doesn't do what it says; undefined when Velero backs it up. */
export function faultOf(volume: PodVolume): VolumeFault | undefined {
  if (isBackedUp(volume)) return undefined;
  const name = quoted(volume.name);
  const remove = `remove ${name} from the list`;
  if (isServiceAccountToken(volume.name)) {
    return { code: "VEL-UNSUPPORTED", message: `Velero leaves ${name} out because of its name`, fix: remove };
  }
  if (UNSUPPORTED.has(volume.source)) {
    return { code: "VEL-UNSUPPORTED", message: `Velero never reads a ${volume.source} like ${name}`, fix: remove };
  }
  if (volume.source === "ephemeral") {
    const message = `Velero fails on ${name}, a generic ephemeral volume, and the backup ends PartiallyFailed`;
    return { code: "VEL-EPHEMERAL", message, fix: `${remove}, or give it a claim of its own` };
  }
  if (volume.use === "block") {
    return { code: "VEL-BLOCK", message: `Velero skips the block device ${name}`, fix: `${remove} and take snapshots` };
  }
  if (volume.use === "init-only") {
    const fix = `mount it in one of spec.containers too, or ${remove}`;
    return { code: "VEL-INIT-ONLY", message: `only init containers mount ${name}`, fix };
  }
  if (volume.use === "unmounted") {
    return { code: "VEL-UNMOUNTED", message: `no container mounts ${name}`, fix: `mount it, or ${remove}` };
  }
  return { code: "VEL-TMPFS", message: `${name} is in memory`, fix: `${remove}, or leave out its medium` };
}
