import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { obtainAssets } from "../support/control-plane/build-assets.ts";
import { claimSlot } from "../support/control-plane/claim-slot.ts";
import { startComponent, waitUntilReady } from "../support/control-plane/component.ts";
import { ASSETS, assetsCacheDirectory, findAssets } from "../support/control-plane/find-assets.ts";
import { findHelm, obtainHelm } from "../support/control-plane/find-helm.ts";
import type { Machine } from "../support/control-plane/machine.ts";

let home: string;
let linux: Machine;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "portcullis-home-"));
  linux = { os: "linux", arch: "amd64", homeDirectory: home };
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function writeProgram(path: string, script = "exit 0"): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** Returns the directory. */
function writePrograms(directory: string, names: readonly string[] = ASSETS): string {
  for (const name of names) writeProgram(join(directory, name));
  return directory;
}

/** Returns a PATH with nothing but a `go` that runs `script` with the path to build in $out. */
function pathWithGo(script: string): string {
  const directory = join(home, "go-bin");
  writeProgram(join(directory, "go"), `while [ "$1" != -o ]; do shift; done; out=$2; ${script}`);
  return directory;
}

const BUILD_ANYTHING = 'echo "#!/bin/sh" > "$out"; /bin/chmod +x "$out"';

describe("findAssets", () => {
  const envtest = (version: string, platform = "linux-amd64") =>
    join(home, ".local/share/kubebuilder-envtest/k8s", `${version}-${platform}`);

  test("KUBEBUILDER_ASSETS comes first", () => {
    writePrograms(envtest("1.36.0"));
    const directory = writePrograms(join(home, "assets"));
    expect(findAssets({ KUBEBUILDER_ASSETS: directory }, linux)).toEqual({
      found: true,
      path: directory,
      origin: "KUBEBUILDER_ASSETS",
    });
  });

  test("KUBEBUILDER_ASSETS without some of the programs is an error that names them", () => {
    const directory = writePrograms(join(home, "assets"), ["etcd", "kubectl"]);
    writePrograms(envtest("1.36.0"));
    expect(() => findAssets({ KUBEBUILDER_ASSETS: directory }, linux)).toThrow(
      `KUBEBUILDER_ASSETS=${directory} lacks kube-apiserver, kube-controller-manager`,
    );
  });

  test("a file that can't be executed and a directory are not programs", () => {
    const directory = writePrograms(join(home, "assets"), ["etcd", "kubectl"]);
    writeFileSync(join(directory, "kube-apiserver"), "");
    mkdirSync(join(directory, "kube-controller-manager"));
    expect(() => findAssets({ KUBEBUILDER_ASSETS: directory }, linux)).toThrow(
      "lacks kube-apiserver, kube-controller-manager",
    );
  });

  test("of setup-envtest's directories the newest whole one for this platform", () => {
    for (const version of ["1.9.3", "1.34.1", "1.34.0"]) writePrograms(envtest(version));
    writePrograms(envtest("1.36.0"), ["etcd", "kube-apiserver", "kubectl"]);
    writePrograms(envtest("1.37.0", "linux-arm64"));
    writePrograms(envtest("current"));
    expect(findAssets({}, linux)).toEqual({ found: true, path: envtest("1.34.1"), origin: "setup-envtest" });
  });

  test("the user's data directory is XDG_DATA_HOME, or macOS's own", () => {
    const xdg = writePrograms(join(home, "xdg/kubebuilder-envtest/k8s/1.36.0-linux-amd64"));
    expect(findAssets({ XDG_DATA_HOME: join(home, "xdg") }, linux)).toMatchObject({ path: xdg });

    const store = "Library/Application Support/kubebuilder-envtest/k8s/1.36.0-darwin-arm64";
    const library = writePrograms(join(home, store));
    expect(findAssets({}, { ...linux, os: "darwin", arch: "arm64" })).toMatchObject({ path: library });
  });

  test("then the cache", () => {
    for (const env of [{}, { XDG_CACHE_HOME: join(home, "xdg-cache") }]) {
      const directory = writePrograms(assetsCacheDirectory(env, linux));
      expect(directory).toMatch(/cache\/portcullis\/control-plane\/v1\.\d+\.\d+-linux-amd64$/);
      expect(findAssets(env, linux)).toEqual({ found: true, path: directory, origin: "cache" });
    }
  });

  test("nothing found: the reason names what was looked at, and Go if there is one", () => {
    writePrograms(envtest("1.36.0"), ["etcd", "kube-apiserver", "kubectl"]);
    const nothing = findAssets({ PATH: "" }, linux);
    expect(nothing).toMatchObject({ found: false, goPath: undefined });
    expect(nothing).toHaveProperty(
      "reason",
      expect.stringContaining("1.36.0-linux-amd64 lacks kube-controller-manager"),
    );
    expect(nothing).toHaveProperty("reason", expect.stringContaining("no Go on the PATH"));

    const PATH = pathWithGo("exit 1");
    expect(findAssets({ PATH }, linux)).toMatchObject({ found: false, goPath: join(PATH, "go") });
  });
});

describe("obtainAssets", () => {
  test("builds what isn't found, once, and says which program it is at", async () => {
    const env = { PATH: pathWithGo(BUILD_ANYTHING) };
    const programs: string[] = [];
    const directory = assetsCacheDirectory(env, linux);
    const built = await obtainAssets(env, linux, ({ program }) => programs.push(program));
    expect(built).toEqual({ found: true, path: directory, origin: "go build" });
    expect(programs.toSorted()).toEqual(ASSETS);
    expect(await obtainAssets(env, linux)).toMatchObject({ origin: "cache" });
  });

  test("twice at the same time", async () => {
    const env = { PATH: pathWithGo(BUILD_ANYTHING) };
    const directory = assetsCacheDirectory(env, linux);
    const found = { found: true, path: directory };
    const both = await Promise.all([obtainAssets(env, linux), obtainAssets(env, linux)]);
    expect(both).toMatchObject([found, found]);
    expect(readdirSync(dirname(directory))).toHaveLength(1);
  });

  test("a build that fails is a reason, and leaves nothing behind", async () => {
    const env = {
      PATH: pathWithGo('case $out in *kube-apiserver) echo "no network" >&2; exit 1;; esac; echo > "$out"'),
    };
    const finding = await obtainAssets(env, linux);
    expect(finding).toMatchObject({ found: false });
    expect(finding).toHaveProperty("reason", expect.stringMatching(/kube-apiserver ended with status 1:\nno network/));
    expect(readdirSync(dirname(assetsCacheDirectory(env, linux)))).toEqual([]);
  });

  test("half-built directories are not taken for whole, and go once their process is gone", async () => {
    const env = { PATH: pathWithGo(BUILD_ANYTHING) };
    const directory = assetsCacheDirectory(env, linux);
    const gone = spawn("/bin/sh", ["-c", "exit"]);
    await once(gone, "close");
    writePrograms(directory, ["etcd"]);
    writePrograms(`${directory}.${gone.pid}.abcdef`);
    writePrograms(`${directory}.${process.pid}.abcdef`);
    expect(await obtainAssets(env, linux)).toMatchObject({ origin: "go build" });
    expect(readdirSync(directory).toSorted()).toEqual(ASSETS);
    expect(existsSync(`${directory}.${gone.pid}.abcdef`)).toBe(false);
    expect(existsSync(`${directory}.${process.pid}.abcdef`)).toBe(true);
  });
});

test("Helm: from the PATH, else built into the cache, else a reason", async () => {
  expect(findHelm({ PATH: "" }, linux)).toMatchObject({ found: false, goPath: undefined });

  const env = { PATH: pathWithGo(BUILD_ANYTHING) };
  expect(await obtainHelm(env, linux)).toMatchObject({ found: true, origin: "go build" });
  expect(await obtainHelm(env, linux)).toMatchObject({ found: true, origin: "cache" });

  const onPath = join(home, "bin/helm");
  writeProgram(onPath);
  expect(findHelm({ PATH: `:/nonexistent:${dirname(onPath)}` }, linux)).toEqual({
    found: true,
    path: onPath,
    origin: "PATH",
  });
});

test("no two control planes share a port or a range of ClusterIPs", async () => {
  const [a, b] = await Promise.all([claimSlot(), claimSlot()]);
  expect(a.clusterIpPrefix).toMatch(/^127\.30\.\d+$/);
  expect(b.clusterIpPrefix).not.toBe(a.clusterIpPrefix);
  expect(b.apiServerPort).not.toBe(a.apiServerPort);
  await Promise.all([a.release(), b.release()]);
});

test("a component that ends before it is ready is an error with the end of its log", async () => {
  const component = startComponent("/bin/sh", "etcd", ["-c", "echo no space left; exit 3"], home);
  await expect(waitUntilReady(component, async () => false)).rejects.toThrow(
    "etcd ended with status 3; the end of its log:\nno space left",
  );
  expect(() => startComponent(join(home, "etcd"), "etcd", [], home)).toThrow("can't be started");
});

test("processes and directory go with a parent that was killed", async () => {
  const support = (file: string) => JSON.stringify(new URL(`../support/control-plane/${file}`, import.meta.url).href);
  const script = `
    const { startWatchdog } = await import(${support("watchdog.ts")});
    const { startComponent } = await import(${support("component.ts")});
    const [, directory, signOfLife] = process.argv;
    const loop = "while sleep 0.02; do echo >> " + signOfLife + "; done";
    startWatchdog(directory).watch(startComponent("/bin/sh", "etcd", ["-c", loop], directory).pid);
    setTimeout(() => {}, 60_000);`;
  const directory = join(home, "control-plane");
  const signOfLife = join(home, "sign-of-life");
  mkdirSync(directory);
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script, directory, signOfLife]);
  await expect.poll(() => existsSync(signOfLife), { timeout: 10_000 }).toBe(true);

  parent.kill("SIGKILL");
  await expect.poll(() => existsSync(directory), { timeout: 10_000 }).toBe(false);
  rmSync(signOfLife);
  await sleep(200);
  expect(existsSync(signOfLife)).toBe(false);
});
