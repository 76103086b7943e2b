/** What an image holds, read from the archive that `docker save` and buildah write; needs nothing but tar. */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** https://github.com/opencontainers/image-spec/blob/main/config.md, as far as it is used here. */
export interface ImageConfig {
  readonly architecture: string;
  readonly created: string;
  readonly config: {
    readonly User?: string;
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly WorkingDir?: string;
    readonly ExposedPorts?: Readonly<Record<string, object>>;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly Volumes?: Readonly<Record<string, object>>;
  };
  /** Digests of the layers as they are before compression: equal ones hold equal files. */
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

export interface ImageFile {
  /** Absolute. */
  readonly path: string;
  /** As ls and tar write it. */
  readonly mode: string;
  /** Numbers, `0/0` for root's. */
  readonly owner: string;
  readonly sizeBytes: number;
  readonly modified: string;
  /** From 0, the lowest. */
  readonly layer: number;
}

export async function readImageConfig(archivePath: string): Promise<ImageConfig> {
  const { Config } = await readManifest(archivePath);
  return JSON.parse((await execute("tar", ["-xOf", archivePath, Config])).stdout);
}

/** Files and links of all layers, in their order; what a layer takes away again would be there as `.wh.NAME`. */
export async function listImageFiles(archivePath: string, directory: string): Promise<readonly ImageFile[]> {
  const layers = await extractLayers(archivePath, directory);
  const listings = layers.map(async (path, layer) => {
    const { stdout } = await execute("tar", ["--numeric-owner", "--full-time", "--utc", "-tvf", path], BUFFER);
    return stdout.split("\n").flatMap((line) => parseEntry(line, layer));
  });
  return (await Promise.all(listings)).flat();
}

/** The file system that a container would see, under `root`. As another user than root, the files become that user's. */
export async function unpackImage(archivePath: string, directory: string, root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const layer of await extractLayers(archivePath, directory)) await execute("tar", ["-C", root, "-xpf", layer]);
}

/** A listing of a hundred thousand files, at most; there are tens. */
const BUFFER = { maxBuffer: 16 * 2 ** 20 };

async function readManifest(archivePath: string): Promise<{ readonly Config: string; readonly Layers: string[] }> {
  const { stdout } = await execute("tar", ["-xOf", archivePath, "manifest.json"]);
  const [manifest] = JSON.parse(stdout);
  return manifest;
}

async function extractLayers(archivePath: string, directory: string): Promise<readonly string[]> {
  const { Layers } = await readManifest(archivePath);
  await execute("tar", ["-C", directory, "-xf", archivePath, ...Layers]);
  return Layers.map((layer) => join(directory, layer));
}

function parseEntry(line: string, layer: number): readonly ImageFile[] {
  const fields = /^(\S+) +(\S+) +(\d+) (\S+ \S+) (.+?)(?: -> .*)?$/.exec(line);
  if (fields === null || line.startsWith("d")) return [];
  const [, mode = "", owner = "", size = "", modified = "", path = ""] = fields;
  return [{ path: `/${path.replace(/^\.?\//, "")}`, mode, owner, sizeBytes: Number(size), modified, layer }];
}
