import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PortcullisError } from "../../src/errors.ts";
import { readPair, writePair } from "../../src/tls/files.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const FILES_MODULE = new URL("../../src/tls/files.ts", import.meta.url).href;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "portcullis-files-"));
});
afterEach(() => {
  chmodSync(directory, 0o755);
  rmSync(directory, { recursive: true });
});

/** Files aren't looked into, so the text only has to tell one pair from another. */
function pairOf(label: string) {
  return { caPem: `ca ${label}`, certPem: `cert ${label}`, keyPem: `key ${label}` };
}

function versions(): string[] {
  return readdirSync(directory).filter((name) => /^\.\.\d/.test(name));
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

describe("a directory that was written", () => {
  test("looks as the kubelet leaves a volume", () => {
    writePair(directory, pairOf("1"), NOW);
    const [version = "", ...others] = versions();
    expect(version).toMatch(/^\.\.2026_01_02_03_04_05\.\d{9}$/);
    expect(others).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(["..data", version, "ca.crt", "tls.crt", "tls.key"].sort());
    expect(readlinkSync(join(directory, "..data"))).toBe(version);
    for (const name of ["ca.crt", "tls.crt", "tls.key"]) {
      expect(readlinkSync(join(directory, name))).toBe(`..data/${name}`);
      expect(lstatSync(join(directory, version, name)).isFile()).toBe(true);
    }
    expect(readFileSync(join(directory, "tls.key"), "utf8")).toBe("key 1");
    expect(readFileSync(join(directory, "tls.crt"), "utf8")).toBe("cert 1");
    expect(readFileSync(join(directory, "ca.crt"), "utf8")).toBe("ca 1");
  });

  test.each(["000", "027", "077"])("keeps the key to its owner and the rest readable under umask %s", (umask) => {
    const script = `process.umask("${umask}"); const { writePair } = await import(${JSON.stringify(FILES_MODULE)});
      writePair(${JSON.stringify(directory)}, { caPem: "", certPem: "", keyPem: "" }, new Date());`;
    execFileSync(process.execPath, ["--input-type=module", "--eval", script]);
    expect(modeOf(join(directory, "tls.key"))).toBe("600");
    expect(modeOf(join(directory, "tls.crt"))).toBe("644");
    expect(modeOf(join(directory, "ca.crt"))).toBe("644");
  });

  test("is read back", () => {
    writePair(directory, pairOf("1"), NOW);
    expect(readPair(directory)).toEqual(pairOf("1"));
  });

  test("holds one version after any number of writes in the same second, and what others put there", () => {
    writeFileSync(join(directory, "registration.json"), "{}");
    for (const label of ["1", "2", "3"]) writePair(directory, pairOf(label), NOW);
    expect(versions()).toHaveLength(1);
    expect(readPair(directory)).toEqual(pairOf("3"));
    expect(readFileSync(join(directory, "registration.json"), "utf8")).toBe("{}");
  });

  test("is repaired after a crash: half a version, a link that wasn't renamed, a plain file in a link's place", () => {
    mkdirSync(join(directory, "..2025_01_01_00_00_00.000000001"));
    symlinkSync("..2025_01_01_00_00_00.000000001", join(directory, "..data_tmp"));
    writeFileSync(join(directory, "tls.crt"), "plain");
    writePair(directory, pairOf("1"), NOW);
    expect(versions()).toHaveLength(1);
    expect(readdirSync(directory)).not.toContain("..data_tmp");
    expect(readFileSync(join(directory, "tls.crt"), "utf8")).toBe("cert 1");
  });
});

describe("F-108: a write that fails", () => {
  beforeEach(() => writePair(directory, pairOf("old"), NOW));

  /** The error must say where and why; the old pair must be whole, with nothing of the new one beside it. */
  function expectOldPair(): void {
    expect(readPair(directory)).toEqual(pairOf("old"));
    expect(readFileSync(join(directory, "tls.key"), "utf8")).toBe("key old");
    expect(versions()).toHaveLength(1);
  }

  /** Runs writePair in a process of its own after `prepare`; returns the message of its error. */
  function failElsewhere(prepare: string, command = [process.execPath]): ReturnType<typeof spawnSync> {
    const script = `import { writePair } from ${JSON.stringify(FILES_MODULE)};
      const pair = { caPem: "new", certPem: "new".repeat(10_000), keyPem: "new" };
      ${prepare}
      try { writePair(${JSON.stringify(directory)}, pair, new Date()); } catch (error) { process.stdout.write(error.message); }`;
    const [program = "", ...options] = command;
    return spawnSync(program, [...options, "--input-type=module", "--eval", script], { encoding: "utf8" });
  }

  test("between the new version and the swap", () => {
    mkdirSync(join(directory, "..data_tmp/in-the-way"), { recursive: true });
    expect(() => writePair(directory, pairOf("new"), NOW)).toThrow(PortcullisError);
    expectOldPair();
  });

  test("because the directory is another user's", () => {
    chmodSync(directory, 0o555);
    const { stdout } = failElsewhere("if (process.getuid() === 0) process.setuid(65534);");
    expect(stdout).toContain(`the certificates can't be written to ${directory}: EACCES: permission denied`);
    expect(stdout).toContain("must run as one user");
    expectOldPair();
  });

  /** A limit on the size of files stands in for a full disk. */
  test("half-way through a file", () => {
    const limited = ["sh", "-c", `ulimit -f 8; exec "$0" "$@"`, process.execPath];
    const { stdout } = failElsewhere("process.on('SIGXFSZ', () => {});", limited);
    expect(stdout).toContain(`the certificates can't be written to ${directory}: EFBIG: file too large`);
    expectOldPair();
  });

  test("because the process dies half-way: the next write clears up", () => {
    const dying = "Object.defineProperty(pair, 'certPem', { get: () => process.kill(process.pid, 'SIGKILL') });";
    expect(failElsewhere(dying).signal).toBe("SIGKILL");
    expect(versions()).toHaveLength(2);
    expect(readPair(directory)).toEqual(pairOf("old"));
    writePair(directory, pairOf("new"), NOW);
    expect(versions()).toHaveLength(1);
    expect(readPair(directory)).toEqual(pairOf("new"));
  });

  test.each([
    ["missing", "ENOENT"],
    ["tls.crt", "ENOTDIR"],
  ])("because %s is no directory", (name, code) => {
    const path = join(directory, name);
    expect(() => writePair(path, pairOf("new"), NOW)).toThrow(
      expect.objectContaining({ code: "CERTIFICATES", message: expect.stringContaining(`${path}: ${code}: `) }),
    );
    expect(existsSync(join(directory, "missing"))).toBe(false);
    expectOldPair();
  });
});

describe("a read", () => {
  test.each(["", "missing"])("of a directory without certificates says so (%j)", (name) => {
    const path = join(directory, name);
    expect(() => readPair(path)).toThrow(`there are no certificates in ${path}: ENOENT: no such file or directory`);
  });

  test("of half a pair names the file that isn't there", () => {
    writePair(directory, pairOf("1"), NOW);
    unlinkSync(join(directory, "..data/tls.key"));
    expect(() => readPair(directory)).toThrow(/the certificates in .* can't be read: ENOENT: .*tls\.key/);
  });

  test("during 200 swaps never sees parts of two pairs", async () => {
    writePair(directory, pairOf("0"), NOW);
    const script = `import { readPair } from ${JSON.stringify(FILES_MODULE)};
      const seen = new Set();
      let mixed = 0;
      while (!seen.has("200")) {
        const { caPem, certPem, keyPem } = readPair(${JSON.stringify(directory)});
        const labels = [caPem, certPem, keyPem].map((pem) => pem.split(" ")[1]);
        if (new Set(labels).size > 1) mixed += 1;
        if (seen.size === 0) process.stderr.write("reading");
        seen.add(labels[0]);
      }
      process.stdout.write(JSON.stringify({ mixed, seen: seen.size }));`;
    const reader = spawn(process.execPath, ["--input-type=module", "--eval", script]);
    const output = text(reader.stdout);
    const [firstOnStderr] = await once(reader.stderr, "data");
    expect(String(firstOnStderr)).toBe("reading");

    for (let swap = 1; swap <= 200; swap++) writePair(directory, pairOf(String(swap)), NOW);
    const { mixed, seen } = JSON.parse(await output);
    expect(mixed).toBe(0);
    expect(seen).toBeGreaterThan(20);
  });
});
