/**
 * A pair on disk, as the kubelet writes a volume: files in a directory of their own, `..data` a symlink to it that is
 * swapped by a rename, and `tls.crt`, `tls.key` and `ca.crt` symlinks through `..data`. A reader sees the old pair or
 * the new one, never parts of both.
 */
import { randomInt } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PortcullisError } from "../errors.ts";
import type { CertificatePair } from "./profile.ts";

const DATA_LINK = "..data";
const VERSION_PATTERN = /^\.\.\d{4}(_\d\d){5}\.\d{9}$/;
const FILES = [
  { name: "tls.key", field: "keyPem", mode: 0o600 },
  { name: "tls.crt", field: "certPem", mode: 0o644 },
  { name: "ca.crt", field: "caPem", mode: 0o644 },
] as const;

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "init, keeper and server must run as one user",
  EDQUOT: "raise the sizeLimit of the volume",
  ENOSPC: "raise the sizeLimit of the volume",
  EPERM: "init, keeper and server must run as one user",
  EROFS: "mount the volume without readOnly",
};

/**
 * Replaces the pair in `directory`, which must exist. The old pair stays in place until the new one is complete and on
 * disk. Throws PortcullisError CERTIFICATES with the path and the system's reason.
 */
export function writePair(directory: string, pair: CertificatePair, now: Date): void {
  try {
    replacePair(directory, pair, now);
  } catch (error) {
    throw explainFailure(error, `the certificates can't be written to ${directory}`);
  }
}

function replacePair(directory: string, pair: CertificatePair, now: Date): void {
  const version = nameVersion(now);
  try {
    writeVersion(join(directory, version), pair);
    replaceLink(join(directory, DATA_LINK), version);
  } catch (error) {
    removeVersion(directory, version);
    throw error;
  }
  for (const { name } of FILES) replaceLink(join(directory, name), `${DATA_LINK}/${name}`);
  syncDirectory(directory);
  for (const name of readdirSync(directory)) {
    if (name !== version && VERSION_PATTERN.test(name)) removeVersion(directory, name);
  }
}

/** `..2026_01_31_23_59_59.123456789`, in UTC; the digits after the point are random, so that two never meet. */
function nameVersion(now: Date): string {
  const timestamp = now.toISOString().slice(0, 19).replace(/[-T:]/g, "_");
  return `..${timestamp}.${randomInt(1e9).toString().padStart(9, "0")}`;
}

function writeVersion(path: string, pair: CertificatePair): void {
  mkdirSync(path, { mode: 0o755 });
  for (const { name, field, mode } of FILES) writeFile(join(path, name), pair[field], mode);
  syncDirectory(path);
}

function writeFile(path: string, text: string, mode: number): void {
  const file = openSync(path, "wx", mode);
  try {
    // The umask may have taken bits off.
    fchmodSync(file, mode);
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Atomic, and it replaces whatever file or link is there. */
function replaceLink(path: string, target: string): void {
  const temporary = `${path}_tmp`;
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}

/** Best effort: what stays behind is in nobody's way, and the next write tries again. */
function removeVersion(directory: string, version: string): void {
  try {
    rmSync(join(directory, version), { recursive: true, force: true });
  } catch {}
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** The three texts, unchecked, all of one pair. Throws PortcullisError CERTIFICATES with the path and the system's reason. */
export function readPair(directory: string): CertificatePair {
  const version = readVersion(directory);
  try {
    const readText = (name: string) => readFileSync(join(directory, version, name), "utf8");
    return { caPem: readText("ca.crt"), certPem: readText("tls.crt"), keyPem: readText("tls.key") };
  } catch (error) {
    // A swap since then has removed the files: there is a newer pair to read.
    if (readVersion(directory) !== version) return readPair(directory);
    throw explainFailure(error, `the certificates in ${directory} can't be read`);
  }
}

function readVersion(directory: string): string {
  try {
    return readlinkSync(join(directory, DATA_LINK));
  } catch (error) {
    throw explainFailure(error, `there are no certificates in ${directory}`);
  }
}

function explainFailure(error: unknown, what: string): PortcullisError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const hint = HINTS[code];
  return new PortcullisError("CERTIFICATES", `${what}: ${message}${hint === undefined ? "" : `; ${hint}`}`, {
    cause: error,
  });
}
