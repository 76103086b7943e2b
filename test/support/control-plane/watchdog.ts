/** Sees to it that a control plane doesn't outlive the process that started it, however that one ends. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";

export interface Watchdog {
  /** To be called with the id of each process group that is to end with this process. */
  watch(processGroup: number): void;
  /** Once the groups have ended: removes the directory, and the watchdog itself. */
  standDown(): void;
}

// Its stdin ends when this process does, be it by SIGKILL or by a signal nobody handles, for which Node runs no code.
const SCRIPT = `
while read -r group; do groups="$groups -$group"; done
kill -s KILL -- $groups 2>/dev/null
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
`;

export function startWatchdog(directory: string): Watchdog {
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "watchdog", directory], {
    detached: true, // not within reach of the terminal's Ctrl-C
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.unref();
  const groups: number[] = [];

  // An orderly exit needn't wait for the watchdog: nothing is left when this process is gone.
  const endAll = () => {
    for (const group of groups) killGroup(group);
    standDown();
  };
  const standDown = () => {
    process.off("exit", endAll);
    shell.kill("SIGKILL");
    // Retries: a process that was killed this instant may still write a file.
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  };
  process.once("exit", endAll);

  return {
    watch: (group) => {
      groups.push(group);
      shell.stdin.write(`${group}\n`);
    },
    standDown,
  };
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
