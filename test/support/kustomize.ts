/** Kustomizations of `manifests/` as `kubectl kustomize` renders them, which takes no cluster. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";
import { parseAllDocuments } from "yaml";
import { findAssets } from "./control-plane/find-assets.ts";
import { describeThisMachine } from "./control-plane/machine.ts";

export const MANIFESTS = fileURLToPath(new URL("../../manifests", import.meta.url));
export const OVERLAYS = readdirSync(join(MANIFESTS, "overlays"));

// biome-ignore lint/suspicious/noExplicitAny: an object of any kind
export type Rendered = any;

const assets = findAssets(process.env, describeThisMachine());

/** Skips the tests, each of them visibly, where there is no kubectl. `render` takes a directory. */
export function describeKustomize(name: string, tests: (render: (directory: string) => readonly Rendered[]) => void) {
  if (!assets.found) {
    describe.skip(`${name} (no kubectl: ${assets.reason})`, () => tests(() => []));
    return;
  }
  const program = join(assets.path, "kubectl");
  describe(name, () => {
    tests((directory) =>
      parseObjects(execFileSync(program, ["kustomize", directory], { encoding: "utf8", maxBuffer: 1e8 })),
    );
  });
}

export function parseObjects(text: string): readonly Rendered[] {
  return parseAllDocuments(text).map((document) => document.toJS());
}

/** `CronJob portcullis-rotate`; what ends in a hash of the policies ends in HASH. */
export function nameOf({ kind, metadata }: Rendered): string {
  return `${kind} ${withoutHash(metadata.name)}`;
}

/** Every hash of the policies replaced by HASH. */
export function withoutHash(text: string): string {
  return text.replace(/\b(portcullis-policies)-[0-9a-z]{10}\b/g, "$1-HASH");
}

/** The Pod template of what makes Pods, and of nothing else. */
export function templateOf({ spec }: Rendered): Rendered | undefined {
  return spec?.jobTemplate?.spec.template ?? spec?.template;
}

export function containersOf({ spec }: Rendered): readonly Rendered[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}
