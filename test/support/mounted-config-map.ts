/** A directory as the kubelet mounts a ConfigMap: links to files in `..data`, which is a link itself and is swapped at once. */
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { directoryOf } from "./policy-directory.ts";

export type Files = Readonly<Record<string, string>>;

export interface MountedConfigMap {
  readonly directory: string;
  /** What the kubelet does when the ConfigMap changes. */
  swap(files: Files): void;
  /** The first half of it: `..data` is another, and the links of files are still the old ones. */
  swapData(files: Files): void;
}

/** Until the end of the test. */
export function mountConfigMap(first: Files): MountedConfigMap {
  const directory = directoryOf({});
  const pathOf = (name: string) => join(directory, name);
  let generation = 0;

  function swapData(files: Files): void {
    const target = `..2026_11_21_12_00_00.${++generation}`;
    mkdirSync(pathOf(target));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, target, name), text);
    symlinkSync(target, pathOf("..data_tmp"));
    renameSync(pathOf("..data_tmp"), pathOf("..data"));
  }

  function swap(files: Files): void {
    swapData(files);
    const current = readlinkSync(pathOf("..data"));
    const links = readdirSync(directory).filter((name) => !name.startsWith(".."));
    for (const name of links.filter((link) => !(link in files))) rmSync(pathOf(name));
    for (const name of Object.keys(files).filter((key) => !links.includes(key))) {
      symlinkSync(join("..data", name), pathOf(name));
    }
    const old = readdirSync(directory).filter((name) => /^\.\.\d/.test(name) && name !== current);
    for (const name of old) rmSync(pathOf(name), { recursive: true });
  }

  swap(first);
  return { directory, swap, swapData };
}
