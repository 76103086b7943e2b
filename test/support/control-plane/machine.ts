/**
 * What a test finds on the machine it runs on: its platform, programs on the PATH, the user's cache.
 * What is looked for there, and what is done when it isn't there, belongs to the callers.
 */
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A platform in Go's words, as in the names of its download folders: linux amd64, darwin arm64. */
export interface Machine {
  readonly os: string;
  readonly arch: string;
  readonly homeDirectory: string;
}

/** The outcome of a search. `path` is a directory or a program; `origin` and `reason` are for a line of output. */
export type Finding = Found | NotFound;

export interface Found {
  readonly found: true;
  readonly path: string;
  readonly origin: string;
}

export interface NotFound {
  readonly found: false;
  readonly reason: string;
  /** The Go command that could build what is missing, if there is one. */
  readonly goPath: string | undefined;
}

/** What isn't there can be built if there is Go. */
export function describeMissing(reason: string, env: Environment): NotFound {
  const goPath = findOnPath("go", env);
  return { found: false, reason: goPath === undefined ? `${reason}; no Go on the PATH to build with` : reason, goPath };
}

export function describeThisMachine(): Machine {
  return {
    os: process.platform,
    arch: process.arch === "x64" ? "amd64" : process.arch,
    homeDirectory: homedir(),
  };
}

/** The folder for what the tests have built themselves. It may be deleted at any time. */
export function cacheDirectory(env: Environment, machine: Machine): string {
  return join(env.XDG_CACHE_HOME || join(machine.homeDirectory, ".cache"), "portcullis");
}

export function findOnPath(program: string, env: Environment): string | undefined {
  return (env.PATH ?? "")
    .split(delimiter)
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, program))
    .find(isProgram);
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
