import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Gives back to the system what only the start has used: compiling policies leaves a heap twice as large as a keeper will
 * ever fill again, and V8 keeps it. Measured on Node 24: 131 MB become 114.
 */
export function releaseMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect({ type: "major", flavor: "last-resort" });
}
