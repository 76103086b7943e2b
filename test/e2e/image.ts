/**
 * Builds the image and gives it to a cluster. By itself it finds the buildah of the one-node cluster beside the project, where that
 * is; elsewhere IMAGE_BUILDER names what builds (docker, podman or buildah), and IMAGE_LOADER the command that takes an archive to
 * the cluster, `kind load image-archive` say. An image with one of the tags that the cluster pulls needs neither.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Environment } from "../support/control-plane/machine.ts";
import { type ImageConfig, type ImageFile, listImageFiles, readImageConfig } from "./image-archive.ts";
import { KUBE_NODE } from "./kube-node.ts";

const execute = promisify(execFile);

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What the Dockerfile asks for if it isn't told otherwise, by the name under which it is kept. */
const NODE_IMAGE = "docker.io/library/node:24-bookworm-slim";

export interface Builder {
  /** The command and the arguments that come before buildah's, docker's or podman's own. */
  readonly command: string;
  readonly kind: "buildah" | "docker" | "podman";
  readonly origin: string;
}

export interface BuildOptions {
  /** `REGISTRY/NAME:TAG`. A tag other than latest, for a cluster that has nowhere to pull it from. */
  readonly ref?: string;
  /** Where the archive and its layers go, twice the size of the image. The caller removes it. */
  readonly directory: string;
  /** As `--build-arg`. SOURCE_DATE_EPOCH, 0 without, is the time of all files. */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** False: every step anew, as on a machine that has never built it. */
  readonly useCache?: boolean;
}

export interface BuiltImage {
  readonly ref: string;
  /** A docker-archive, as `docker load`, `ctr images import` and `kind load image-archive` take it. */
  readonly archivePath: string;
  readonly files: readonly ImageFile[];
  /** Of the files, uncompressed. */
  readonly sizeBytes: number;
  readonly config: ImageConfig;
}

/** Undefined where nothing is known that builds images. */
export function findBuilder(env: Environment): Builder | undefined {
  const named = env.IMAGE_BUILDER;
  if (named !== undefined && named !== "") {
    const kind = (["buildah", "docker", "podman"] as const).find((name) => named.endsWith(name));
    if (kind === undefined) throw new Error(`IMAGE_BUILDER: ${named} is none of buildah, docker and podman`);
    return { command: named, kind, origin: "IMAGE_BUILDER" };
  }
  const command = join(KUBE_NODE, "kbuildah");
  return existsSync(command) ? { command, kind: "buildah", origin: "the one-node cluster's" } : undefined;
}

export async function buildImage(options: BuildOptions, env: Environment = process.env): Promise<BuiltImage> {
  const builder = findBuilder(env);
  if (builder === undefined) throw new Error("nothing here builds images; IMAGE_BUILDER can name docker or podman");
  const { ref = "docker.io/library/portcullis:e2e", directory, useCache = true } = options;
  const buildArgs: Readonly<Record<string, string>> = { SOURCE_DATE_EPOCH: "0", ...options.buildArgs };
  const archivePath = join(directory, "image.tar");
  const ownBase = builder.command === join(KUBE_NODE, "kbuildah") && buildArgs.NODE_IMAGE === undefined;
  if (ownBase) await makeBaseImage(builder, env);

  const flags = [
    ...Object.entries(buildArgs).map(([name, value]) => `--build-arg=${name}=${value}`),
    ...(useCache ? [] : ["--no-cache"]),
    // docker takes it from the argument.
    ...(builder.kind === "docker" ? [] : ["--layers", `--timestamp=${buildArgs.SOURCE_DATE_EPOCH}`]),
    ...(ownBase ? ["--pull=never"] : []),
  ];
  await run(builder.command, ["build", ...flags, "--tag", ref, ROOT], env);
  await run(builder.command, saveArguments(builder, ref, archivePath), env);
  const files = await listImageFiles(archivePath, directory);
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { ref, archivePath, files, sizeBytes, config: await readImageConfig(archivePath) };
}

/** `clusterIndex`: which of the one-node clusters beside the project; means nothing to another loader. */
export async function loadImage(image: BuiltImage, clusterIndex = 0, env: Environment = process.env): Promise<void> {
  const [command, ...args] = (env.IMAGE_LOADER || join(KUBE_NODE, "load-image.sh")).split(" ");
  await run(command ?? "", [...args, image.archivePath], { ...env, IDX: String(clusterIndex) });
}

function saveArguments({ kind }: Builder, ref: string, archivePath: string): readonly string[] {
  if (kind === "buildah") return ["push", ref, `docker-archive:${archivePath}:${ref}`];
  return ["save", ...(kind === "podman" ? ["--format=docker-archive"] : []), `--output=${archivePath}`, ref];
}

/** The one-node cluster pulls nothing: it has a stand-in for the base image, made once. */
async function makeBaseImage({ command }: Builder, env: Environment): Promise<void> {
  const made = await run(command, ["inspect", "--type=image", NODE_IMAGE], env).then(
    () => true,
    () => false,
  );
  if (!made) await run(join(KUBE_NODE, "mkbase.sh"), [NODE_IMAGE], { ...env, NODE_NPM: "24" });
}

/** Rejects with the end of what it wrote. */
async function run(command: string, args: readonly string[], env: Environment): Promise<void> {
  try {
    await execute(command, args, { env, maxBuffer: 64 * 2 ** 20 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    const written = `${stdout}${stderr}`.split("\n").slice(-30).join("\n");
    throw new Error(`${command} ${args.join(" ")}: ${written || (error as Error).message}`);
  }
}
