import { type DestinationStream, pino } from "pino";

/** Lines that wait for a reader of stdout that has stopped reading; beyond that they are dropped. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * A file descriptor to log to that can hold nobody up: what isn't read, or has no reader any more, is dropped and counted.
 * What waits is written at the program's end.
 */
export function createLogDestination(fd: number, onDropped: () => void): DestinationStream {
  const stream = pino.destination({ dest: fd, sync: false, maxLength: MAX_WAITING_BYTES });
  let isBroken = false;
  stream.on("drop", onDropped);
  stream.on("error", () => {
    isBroken = true;
  });
  return {
    write(line) {
      if (isBroken) onDropped();
      else stream.write(line);
    },
  };
}
