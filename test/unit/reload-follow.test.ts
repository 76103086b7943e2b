import { spawnSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DirectoryWatcher } from "../../src/follow-directory.ts";
import { writePair } from "../../src/tls/files.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import type { CertificatePair } from "../../src/tls/profile.ts";
import { followPair, type PairFollower } from "../../src/tls/reload.ts";

const MINUTE_MS = 60_000;
const NO_EVENTS: DirectoryWatcher = { on: () => undefined, close: () => undefined };
const [FIRST, SECOND, THIRD] = [issue(), issue(), issue()];

function issue(notBefore = new Date(Date.now() - MINUTE_MS)): CertificatePair {
  const notAfter = new Date(notBefore.getTime() + 60 * MINUTE_MS);
  const names = { service: "portcullis", namespace: "policy" };
  return issueCertificates({ names, keyAlgorithm: "ecdsa-p256", notBefore, notAfter });
}

let directory: string;
let stop: (() => void) | undefined;
let certificates: string[];
let problems: string[];
let mended: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "portcullis-follow-"));
  certificates = [];
  problems = [];
  mended = 0;
  write(FIRST);
});
afterEach(() => {
  stop?.();
  rmSync(directory, { recursive: true, force: true });
});

function write(pair: CertificatePair): void {
  mkdirSync(directory, { recursive: true });
  writePair(directory, pair, new Date());
}

function follow(parts: Partial<PairFollower>): void {
  ({ stop } = followPair({
    directory,
    served: FIRST,
    now: () => new Date(),
    onPair: ({ certPem }) => certificates.push(certPem),
    onProblem: (problem) => problems.push(problem.replaceAll(directory, "DIR")),
    onMended: () => mended++,
    ...parts,
  }));
}

const onlyPoll = { pollMs: 20, watchDirectory: () => NO_EVENTS };
/** A poll that no test waits for. */
const onlyEvents = { pollMs: 60 * MINUTE_MS, debounceMs: 10 };

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 150));
}

describe.each([
  ["by events alone", onlyEvents],
  ["by the poll alone", onlyPoll],
])("followed %s", (_, by) => {
  test("every new pair is told once", async () => {
    follow(by);
    for (const [index, pair] of [SECOND, THIRD, FIRST].entries()) {
      write(pair);
      await expect.poll(() => certificates.length).toBe(index + 1);
    }
    await settle();
    expect(certificates).toEqual([SECOND.certPem, THIRD.certPem, FIRST.certPem]);
    expect(problems).toEqual([]);
  });

  test("a pair that is written again is no news", async () => {
    follow(by);
    write(FIRST);
    await settle();
    expect([...certificates, ...problems]).toEqual([]);
  });

  test("nothing is told after stop", async () => {
    follow(by);
    write(SECOND);
    stop?.();
    await settle();
    expect([...certificates, ...problems]).toEqual([]);
  });

  test("a broken pair that is put right by the old one leaves no trace but its report, and that it is over", async () => {
    follow(by);
    write({ ...FIRST, keyPem: SECOND.keyPem });
    await expect.poll(() => problems.length).toBe(1);
    expect(mended).toBe(0);
    write(FIRST);
    await settle();
    expect(mended).toBe(1);
    write({ ...FIRST, keyPem: SECOND.keyPem });
    await expect.poll(() => problems.length).toBe(2);
    expect(certificates).toEqual([]);
  });
});

test("several events in a row are one look, after the last", async () => {
  let looks = 0;
  let change = () => {};
  follow({
    pollMs: 60 * MINUTE_MS,
    debounceMs: 50,
    watchDirectory(_, onChange) {
      looks++;
      change = onChange;
      return NO_EVENTS;
    },
  });
  const { promise: lastWrite, resolve } = Promise.withResolvers<void>();
  setTimeout(() => {
    write(SECOND);
    change();
    resolve();
  }, 30);
  for (let i = 0; i < 5; i++) change();
  await lastWrite;
  await settle();
  expect({ looks, certificates }).toEqual({ looks: 2, certificates: [SECOND.certPem] });
});

test("what changed since the caller read the files is told at once", () => {
  write(SECOND);
  follow(onlyEvents);
  expect(certificates).toEqual([SECOND.certPem]);
});

test("each problem is told once, and again when it returns", async () => {
  follow(onlyPoll);
  const mismatch = { ...SECOND, keyPem: THIRD.keyPem };
  write(mismatch);
  await expect.poll(() => problems.length).toBe(1);
  write({ ...SECOND, caPem: "garbage" });
  await expect.poll(() => problems.length).toBe(2);
  write(SECOND);
  await expect.poll(() => certificates).toEqual([SECOND.certPem]);
  write({ ...THIRD, keyPem: SECOND.keyPem });
  await expect.poll(() => problems.length).toBe(3);
  await settle();
  expect(problems).toEqual([
    "the certificates in DIR can't be served: the private key does not belong to the server's certificate",
    "the certificates in DIR can't be served: the CA is not a certificate in PEM",
    "the certificates in DIR can't be served: the private key does not belong to the server's certificate",
  ]);
});

test("a pair of the future is taken over when its time has come", async () => {
  let now = new Date();
  follow({ ...onlyPoll, now: () => now });
  const early = issue(new Date(now.getTime() + 5 * MINUTE_MS));
  write(early);
  await expect.poll(() => problems).toEqual([expect.stringMatching(/^the certificate is not valid before .*; its CA/)]);
  now = new Date(now.getTime() + 6 * MINUTE_MS);
  await expect.poll(() => certificates).toEqual([early.certPem]);
  expect(problems).toHaveLength(1);
});

test("a pair that the caller can't use is a problem, told once, and tried again", async () => {
  let calls = 0;
  follow({
    ...onlyPoll,
    onPair: ({ certPem }) => {
      if (++calls < 3) throw new Error("ee key too small");
      certificates.push(certPem);
    },
  });
  write(SECOND);
  await expect.poll(() => certificates).toEqual([SECOND.certPem]);
  expect(problems).toEqual(["ee key too small"]);
});

describe("a directory that is made anew", () => {
  test("is found by the poll, and followed by events from then on", async () => {
    follow({ pollMs: 50, debounceMs: 10 });
    rmSync(directory, { recursive: true });
    await expect.poll(() => problems).toEqual([expect.stringMatching(/^there are no certificates in DIR: ENOENT/)]);
    write(SECOND);
    await expect.poll(() => certificates).toEqual([SECOND.certPem]);
  });

  test("before anybody looked is followed by events", async () => {
    follow({ ...onlyEvents, debounceMs: 50 });
    rmSync(directory, { recursive: true });
    write(SECOND);
    await expect.poll(() => certificates).toEqual([SECOND.certPem]);
    write(THIRD);
    await expect.poll(() => certificates).toEqual([SECOND.certPem, THIRD.certPem]);
    expect(problems).toEqual([]);
  });
});

test("a watcher that can't be had, or that fails, leaves the poll at work", async () => {
  const opened: EventEmitter[] = [];
  let closed = 0;
  follow({
    pollMs: 20,
    watchDirectory() {
      if (opened.length === 2) throw new Error("ENOSPC: no more watches");
      const watcher = new EventEmitter();
      opened.push(watcher);
      queueMicrotask(() => watcher.emit("error", new Error("the watch is gone")));
      return Object.assign(watcher, { close: () => closed++ });
    },
  });
  await settle();
  write(SECOND);
  await expect.poll(() => certificates).toEqual([SECOND.certPem]);
  expect(opened).toHaveLength(2);
  expect(closed).toBeGreaterThanOrEqual(2);
  expect(problems).toEqual([]);
});

test("nothing of it keeps a process alive", () => {
  const script = `
    const { followPair } = await import(${JSON.stringify(new URL("../../src/tls/reload.ts", import.meta.url).href)});
    const { readServingPair } = await import(${JSON.stringify(new URL("../../src/tls/serving.ts", import.meta.url).href)});
    const { utimesSync } = await import("node:fs");
    const directory = ${JSON.stringify(directory)};
    const fail = (what) => { throw new Error(what); };
    followPair({ directory, served: readServingPair(directory), now: () => new Date(), onPair: fail, onProblem: fail });
    utimesSync(directory, 0, 0);`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    timeout: 8000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
