/** Looks at a directory again whenever it may have changed, for as long as the program runs: certificates, policies. */
import { watch } from "node:fs";

/** A swap is several events in a row (the directory, `..data`, three links); one look after the last is enough. */
const DEBOUNCE_MS = 200;

/** Events get lost: on some file systems, with an inotify limit reached, when the directory is made anew. */
const POLL_MS = 10_000;

export interface DirectoryWatcher {
  on(event: "error", listener: (error: Error) => void): unknown;
  close(): void;
}

export interface DirectoryFollower {
  readonly directory: string;
  /** Returns what is wrong, or throws it. */
  look(): string | undefined;
  /** Gets each problem once, however long it lasts. */
  onProblem(problem: string): void;
  /** After a problem nothing is wrong any more. */
  onMended?(): void;
  readonly pollMs?: number | undefined;
  readonly debounceMs?: number | undefined;
  /** May throw; without events the poll is enough. */
  watchDirectory?: ((directory: string, onChange: () => void) => DirectoryWatcher) | undefined;
}

/** Looks at once, since the files may have changed after the caller read them. Never throws, and never keeps the process alive. */
export function followDirectory(follower: DirectoryFollower): { stop(): void } {
  const { directory, pollMs = POLL_MS, debounceMs = DEBOUNCE_MS, watchDirectory = watchWithoutHolding } = follower;
  let reported: string | undefined;
  let watcher: DirectoryWatcher | undefined;
  let debounce: NodeJS.Timeout | undefined;

  function look(): void {
    // Opened anew each time, before the files are read: by now the path may be another directory's.
    watcher?.close();
    watcher = openWatcher();
    const problem = problemOf(() => follower.look());
    if (problem === undefined && reported !== undefined) follower.onMended?.();
    if (problem !== undefined && problem !== reported) follower.onProblem(problem);
    reported = problem;
  }

  function openWatcher(): DirectoryWatcher | undefined {
    try {
      const opened = watchDirectory(directory, lookSoon);
      opened.on("error", () => opened.close());
      return opened;
    } catch {
      return undefined;
    }
  }

  function lookSoon(): void {
    clearTimeout(debounce);
    debounce = setTimeout(look, debounceMs).unref();
  }

  const poll = setInterval(look, pollMs).unref();
  look();
  return {
    stop() {
      clearInterval(poll);
      clearTimeout(debounce);
      watcher?.close();
    },
  };
}

function problemOf(look: () => string | undefined): string | undefined {
  try {
    return look();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function watchWithoutHolding(directory: string, onChange: () => void): DirectoryWatcher {
  return watch(directory, { persistent: false }, onChange);
}
