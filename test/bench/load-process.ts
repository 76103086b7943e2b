/** The one load process of a bench: warm after its first run, and the same for every server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LoadOrder, LoadResult } from "./load.ts";
import { endWithThisProcess } from "./server-process.ts";

export interface LoadProcess {
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): Promise<void>;
}

export function startLoadProcess(pin: readonly string[]): LoadProcess {
  const source = fileURLToPath(new URL("load.ts", import.meta.url));
  const [program = "", ...args] = [...pin, process.execPath, source];
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "advanced" });
  const stop = endWithThisProcess(child);
  const ended = once(child, "exit").then(() => ({ error: "its process ended" }));
  return {
    stop,
    async run(order) {
      const answered = once(child, "message").then(([message]) => message);
      child.send(order);
      const { result, error } = await Promise.race([answered, ended]);
      if (result === undefined) throw new Error(`the load failed: ${error}`);
      return result;
    },
  };
}
