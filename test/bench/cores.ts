/** One core for the server, another for the load, so that neither takes the other's time. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Cores {
  /** In front of a command; empty where nothing can be pinned. */
  readonly server: readonly string[];
  readonly load: readonly string[];
  /** What a reader of the figures should know. */
  readonly note: string;
}

export function chooseCores(): Cores {
  const allowed = parseCpuList(/^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
  const [first] = allowed;
  const unpinned = { server: [], load: [] };
  if (first === undefined || allowed.length < 2) {
    return { ...unpinned, note: "one core for servers and load: throughput is that of both together" };
  }
  if (spawnSync("taskset", ["--version"]).status !== 0) return { ...unpinned, note: "no taskset: nothing is pinned" };
  const siblings = siblingsOf(first);
  const other = allowed.find((core) => !siblings.includes(core)) ?? allowed[1] ?? first;
  const shared = siblings.includes(other) ? ", two threads of one physical core" : "";
  return {
    server: ["taskset", "--cpu-list", String(first)],
    load: ["taskset", "--cpu-list", String(other)],
    note: `servers on core ${first}, load on core ${other}${shared}`,
  };
}

function siblingsOf(core: number): readonly number[] {
  try {
    return parseCpuList(
      readFileSync(`/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`, "utf8").trim(),
    );
  } catch {
    return [core];
  }
}

/** `0-2,5` */
export function parseCpuList(list = ""): readonly number[] {
  return list.split(",").flatMap((part) => {
    const [, from = "", to = from] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (from === "") return [];
    return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index);
  });
}
