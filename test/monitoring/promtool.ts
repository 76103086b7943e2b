/** promtool, where Debian's package `prometheus` is installed. Without it whatever needs it is skipped, visibly. */
import { spawnSync } from "node:child_process";

export const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
export const hasPrometheus = spawnSync("prometheus", ["--version"]).status === 0;
export const WITHOUT = "there is no Prometheus: install Debian's package `prometheus`";

/** `output`: what it says and complains of, in its order. */
export function promtool(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const command = ["-c", 'exec promtool "$@" 2>&1', "promtool", ...args];
  const { status, stdout } = spawnSync("/bin/sh", command, { encoding: "utf8" });
  return { status, output: stdout };
}
