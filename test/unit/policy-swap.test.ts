/** A ConfigMap that is swapped again and again while its files are read: kubelet takes the old ones away at once. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { readPolicyFiles } from "../../src/policy/load.ts";
import { mountConfigMap } from "../support/mounted-config-map.ts";

const NAMES = Array.from({ length: 40 }, (_, index) => `${index}.yaml`);

/** In a thread of its own: makes the next version, puts it in place, and removes the last. */
const SWAP = `
  const { mkdirSync, writeFileSync, symlinkSync, renameSync, rmSync, readlinkSync } = require("node:fs");
  const { parentPort, workerData: { directory, names } } = require("node:worker_threads");
  for (let version = 0; version < 300; version++) {
    const old = readlinkSync(directory + "/..data");
    const next = "..2027_01_01_00_00_00." + version;
    mkdirSync(directory + "/" + next);
    for (const name of names) writeFileSync(directory + "/" + next + "/" + name, String(version));
    symlinkSync(next, directory + "/..data_tmp");
    renameSync(directory + "/..data_tmp", directory + "/..data");
    rmSync(directory + "/" + old, { recursive: true });
  }
  parentPort.postMessage("done");
`;

test("all files are of one version, and none is missing", async () => {
  const { directory } = mountConfigMap(Object.fromEntries(NAMES.map((name) => [name, "first"])));
  const worker = new Worker(SWAP, { eval: true, workerData: { directory, names: NAMES } });
  let isDone = false;
  const done = once(worker, "message").then(() => {
    isDone = true;
  });
  const versions = new Set<string>();
  while (!isDone) {
    const files = readPolicyFiles(directory);
    expect(files.size).toBe(NAMES.length);
    expect(new Set(files.values()).size).toBe(1);
    versions.add(files.get("0.yaml") ?? "");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  await worker.terminate();
  expect(versions.size).toBeGreaterThan(10);
});
