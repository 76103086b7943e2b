/** Builds Go programs into a directory that either holds all of them or isn't there. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { GoModule } from "./go-modules.ts";
import { type Environment, type Finding, isProgram, type Machine } from "./machine.ts";

export interface GoProgram {
  readonly name: string;
  readonly packagePath: string;
  readonly module: GoModule;
  /** Variables that the linker sets, "package.name=value". */
  readonly stamps: readonly string[];
}

export interface BuildProgress {
  readonly program: string;
  /** Since the first program's build began. */
  readonly elapsedSeconds: number;
}

export interface GoBuild {
  readonly goPath: string;
  readonly programs: readonly GoProgram[];
  /** Named after a version: once it exists, it isn't built again. */
  readonly directory: string;
  readonly env: Environment;
  readonly machine: Machine;
  /** Called when a program's turn comes and every PROGRESS_SECONDS from then on. */
  readonly onProgress: ((progress: BuildProgress) => void) | undefined;
}

const PROGRESS_SECONDS = 10;

// A cold build of one program takes up to 3 minutes on 2 cores; a proxy that hangs must not take for ever.
const PROGRAM_LIMIT_MS = 20 * 60_000;

const OUTPUT_TAIL_LINES = 15;

/**
 * Two processes may build the same directory at once: each builds into one of its own, and the last step is a rename,
 * which only the first of them succeeds in. A build that fails, as it does without a network, is a reason for not
 * having the programs.
 */
export async function buildGoPrograms(build: GoBuild): Promise<Finding> {
  const { directory, goPath, onProgress } = build;
  mkdirSync(dirname(directory), { recursive: true });
  removeAbandonedBuilds(directory);
  const building = mkdtempSync(`${directory}.${process.pid}.`);
  try {
    const startedMs = Date.now();
    for (const program of build.programs) {
      const report = () =>
        onProgress?.({ program: program.name, elapsedSeconds: Math.round((Date.now() - startedMs) / 1000) });
      report();
      const timer = setInterval(report, PROGRESS_SECONDS * 1000);
      const failure = await buildProgram(build, program, building).finally(() => clearInterval(timer));
      if (failure !== undefined) return { found: false, reason: failure, goPath };
    }
    publish(building, build);
    return { found: true, path: directory, origin: "go build" };
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** Returns how the build failed, with the end of Go's output; undefined if it didn't. */
function buildProgram(build: GoBuild, program: GoProgram, outputDirectory: string): Promise<string | undefined> {
  const { name, packagePath, module, stamps } = program;
  const linkerFlags = ["-s", "-w", ...stamps.map((stamp) => `-X ${stamp}`)].join(" ");
  // -mod=readonly: go.sum decides what is built. -buildvcs=false: the package isn't part of this repository.
  const flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", `-ldflags=${linkerFlags}`];
  const go = spawn(build.goPath, ["build", ...flags, "-o", join(outputDirectory, name), packagePath], {
    cwd: module.directory,
    env: { ...build.env, CGO_ENABLED: "0", GOWORK: "off", GOOS: build.machine.os, GOARCH: build.machine.arch },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: PROGRAM_LIMIT_MS,
  });
  let output = "";
  go.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve) => {
    go.once("error", (error) => resolve(`${build.goPath}: ${error.message}`));
    go.once("close", (status, signal) => {
      if (status === 0) return resolve(undefined);
      const tail = output.trimEnd().split("\n").slice(-OUTPUT_TAIL_LINES).join("\n");
      resolve(`go build ${packagePath} ended with ${signal ?? `status ${status}`}:\n${tail}`);
    });
  });
}

function publish(building: string, { directory, programs }: GoBuild): void {
  try {
    renameSync(building, directory);
  } catch {
    // A directory that isn't empty can't be renamed over. If it is whole, another process was first.
    if (programs.every(({ name }) => isProgram(join(directory, name)))) return;
    rmSync(directory, { recursive: true, force: true });
    renameSync(building, directory);
  }
}

/** Half-built directories of processes that are no more, as after Ctrl-C. */
function removeAbandonedBuilds(directory: string): void {
  const prefix = `${basename(directory)}.`;
  for (const name of readdirSync(dirname(directory))) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (pid > 0 && !isRunning(pid)) rmSync(join(dirname(directory), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
