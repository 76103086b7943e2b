/**
 * Follows the pair in a directory for as long as the server runs. What can't be served replaces nothing: the caller goes
 * on with the pair it has, and hears why.
 */
import { watch } from "node:fs";
import type { CertificatePair } from "./profile.ts";
import { readServingPair, type ServingPair, unservableReasons } from "./serving.ts";

/** A swap is several events in a row (the directory, `..data`, three links); one look after the last is enough. */
const DEBOUNCE_MS = 200;

/** Events get lost: on some file systems, with an inotify limit reached, when the directory is made anew. */
const POLL_MS = 10_000;

export interface DirectoryWatcher {
  on(event: "error", listener: (error: Error) => void): unknown;
  close(): void;
}

export interface PairFollower {
  readonly directory: string;
  /** The pair that is served already. */
  readonly served: CertificatePair;
  now(): Date;
  /** Gets a pair that agrees, is valid now and differs from the one served. If it throws, the pair counts as refused. */
  onPair(pair: ServingPair): void;
  /** Gets each problem once, however long it lasts; never the key. */
  onProblem(problem: string): void;
  readonly pollMs?: number;
  readonly debounceMs?: number;
  /** May throw; without events the poll is enough. */
  watchDirectory?(directory: string, onChange: () => void): DirectoryWatcher;
}

/** Never throws, and never keeps the process alive. */
export function followPair(follower: PairFollower): { stop(): void } {
  const { directory, pollMs = POLL_MS, debounceMs = DEBOUNCE_MS, watchDirectory = watchWithoutHolding } = follower;
  let served = follower.served;
  let reported: string | undefined;
  let watcher: DirectoryWatcher | undefined;
  let debounce: NodeJS.Timeout | undefined;

  function look(): void {
    // Opened anew each time, before the files are read: by now the path may be another directory's.
    watcher?.close();
    watcher = openWatcher();
    const problem = reload();
    if (problem !== undefined && problem !== reported) follower.onProblem(problem);
    reported = problem;
  }

  function reload(): string | undefined {
    try {
      const pair = readServingPair(directory);
      if (isSamePair(pair, served)) return undefined;
      const reasons = unservableReasons(pair, follower.now());
      if (reasons.length > 0) return reasons.join("; ");
      follower.onPair(pair);
      served = pair;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
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
  // The files may have changed since the caller read them.
  look();
  return {
    stop() {
      clearInterval(poll);
      clearTimeout(debounce);
      watcher?.close();
    },
  };
}

function watchWithoutHolding(directory: string, onChange: () => void): DirectoryWatcher {
  return watch(directory, { persistent: false }, onChange);
}

function isSamePair(a: CertificatePair, b: CertificatePair): boolean {
  return a.certPem === b.certPem && a.keyPem === b.keyPem && a.caPem === b.caPem;
}
