/** What a process has used, as Linux counts it. */
import { readdirSync, readFileSync } from "node:fs";

/**
 * User and system time of all threads that live, by the scheduler's nanoseconds: /proc/PID/stat counts in ticks of 10 ms.
 * A difference is right while no thread ends, and those of Node and Go live as long as their process.
 */
export function readCpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ", 1)[0]);
  }
  return nanoseconds / 1e9;
}

/** Resident now, and the most that it ever was. */
export function readMemoryMib(pid: number): { readonly resident: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const read = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
  return { resident: read("VmRSS"), peak: read("VmHWM") };
}
