/**
 * Logs and metrics: what is told about the program's work, and to whom.
 * No object, no label value of an object and no request field beyond the list in recorder.ts ever gets here.
 */
import { type DestinationStream, type Logger, pino } from "pino";
import type { LogLevel } from "../settings.ts";

export type { Logger };

/** JSON lines, by default on stdout as they come. No transport: a worker would lose the last lines of a crash. */
export function createLogger(program: "init" | "server", level: LogLevel, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { program },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? pino.destination(1),
  );
}
