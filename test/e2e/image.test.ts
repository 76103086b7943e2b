/** Builds the image and looks into it. The page's own commands build it a second time. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Bom } from "../../sbom.ts";
import { bundlesInImage } from "../meta/dockerfile.ts";
import { ROOT, readSource } from "../meta/source-files.ts";
import { type BuiltImage, buildImage, findBuilder } from "./image.ts";
import { unpackImage } from "./image-archive.ts";

const execute = promisify(execFile);

const MEGABYTE = 1e6;
const PAPERS = "/usr/share/doc/portcullis";
/** Debian's images have them where its licences ask for them, stand-ins may not. */
const BASE_PAPERS = /^\/usr\/(share\/doc\/(libc6|gcc-\d+-base)\/copyright|local\/LICENSE)$/;

const digest = (content: Buffer) => createHash("sha256").update(content).digest("hex");

const builder = findBuilder(process.env);

describe.skipIf(builder === undefined)(`the image${builder ? ` (${builder.origin} builds it)` : ""}`, () => {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-image-"));
  const root = join(directory, "root");
  const labels = {
    VERSION: "0.1.0",
    REVISION: "0123abc",
    CREATED: "2026-01-02T03:04:05Z",
    SOURCE: "https://git.example.com/p",
  };
  let epoch: string;
  let image: BuiltImage;

  beforeAll(async () => {
    epoch = (await execute("git", ["log", "-1", "--format=%ct"], { cwd: ROOT })).stdout.trim();
    const buildArgs = { ...labels, SOURCE_DATE_EPOCH: epoch };
    // A layer from the cache is as old as when it was made.
    const useCache = false;
    image = await buildImage({ ref: "docker.io/library/portcullis:image-test", directory, buildArgs, useCache });
    await unpackImage(image.archivePath, directory, root);
  }, 1_200_000);

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const readBom = (): Bom => JSON.parse(readFileSync(join(root, PAPERS, "sbom.cdx.json"), "utf8"));
  const isOurs = ({ path }: { readonly path: string }) => path.startsWith("/app/") || path.startsWith(`${PAPERS}/`);

  it("holds node, what it links, the bundles and their papers, and nothing else", () => {
    const paths = image.files.map(({ path }) => path).filter((path) => !BASE_PAPERS.test(path));
    const inDebianTerms = paths.map((path) =>
      path.replace(/\/[a-z0-9_]+-linux-gnu\//, "/TRIPLET/").replace(/gcc-\d+/, "gcc-N"),
    );
    expect(inDebianTerms.filter((path) => !/\/ld-linux-[a-z0-9-]+\.so\.\d$/.test(path)).sort()).toEqual(
      [
        ...bundlesInImage().map((bundle) => `/app/${bundle}`),
        ...["debian_version", "group", "nsswitch.conf", "os-release", "passwd"].map((name) => `/etc/${name}`),
        ...["libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libstdc++.so.6"].map(
          (name) => `/lib/TRIPLET/${name}`,
        ),
        "/usr/local/bin/node",
        ...["LICENSE", "THIRD-PARTY-LICENSES", "sbom.cdx.json"].map((name) => `${PAPERS}/${name}`),
        ...["gcc-N-base", "libc6", "libgcc-s1", "libstdc++6"].map((name) => `/var/lib/dpkg/status.d/${name}`),
      ].sort(),
    );
    // The loader, and the link to it at the path that node's binary names.
    expect(inDebianTerms.filter((path) => path.includes("/ld-linux-"))).toHaveLength(2);
  });

  it("is smaller than 200 MB, and what is ours than 5 MB", () => {
    const ours = image.files.filter(isOurs).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    process.stdout.write(
      `image: ${(image.sizeBytes / MEGABYTE).toFixed(1)} MB, ours ${(ours / MEGABYTE).toFixed(2)} MB\n`,
    );
    expect(image.sizeBytes).toBeGreaterThan(100 * MEGABYTE);
    expect(image.sizeBytes).toBeLessThan(200 * MEGABYTE);
    expect(ours).toBeGreaterThan(MEGABYTE);
    expect(ours).toBeLessThan(5 * MEGABYTE);
  });

  it("has what is ours in layers above what the base gives, which a new version leaves as they are", () => {
    const layers = new Map([true, false].map((ours) => [ours, image.files.filter((file) => isOurs(file) === ours)]));
    expect(new Set(layers.get(false)?.map(({ layer }) => layer))).toEqual(new Set([0]));
    expect(layers.get(true)?.map(({ layer }) => layer)).not.toContain(0);
  });

  it("belongs to root, is written by nobody else, lends nobody's rights and has the time it was told", () => {
    for (const { path, mode, owner, modified } of image.files) {
      expect({ path, owner }).toEqual({ path, owner: "0/0" });
      expect({ path, mode }).toEqual({ path, mode: expect.stringMatching(/^(lrwxrwxrwx|-rw[x-]r-[x-]r-[x-])$/) });
      expect(Date.parse(`${modified}Z`) / 1000).toBe(Number(epoch));
    }
  });

  it("has the very bundles that `npm run build` makes of this folder, which all other tests are about", async () => {
    const built = mkdtempSync(join(directory, "built-"));
    await execute("npm", ["run", "--silent", "build", "--", `--outdir=${built}`], { cwd: ROOT });
    const read = (folder: string) => bundlesInImage().map((bundle) => digest(readFileSync(join(folder, bundle))));
    expect(read(join(root, "app"))).toEqual(read(built));
  }, 120_000);

  it("says how it is run, and what it is", () => {
    const { User, Entrypoint, Cmd, Env, Labels, Volumes } = image.config.config;
    expect({ User, Entrypoint, Cmd, Volumes }).toEqual({
      User: "65532:65532",
      Entrypoint: ["/usr/local/bin/node"],
      Cmd: ["/app/server.mjs"],
      Volumes: undefined,
    });
    expect(Env?.filter((variable) => !variable.startsWith("PATH="))).toEqual(["NODE_ENV=production"]);
    const written = Object.entries(labels).map(([name, value]) => [
      `org.opencontainers.image.${name.toLowerCase()}`,
      value,
    ]);
    expect(Labels).toMatchObject(Object.fromEntries(written));
    expect(Labels?.["org.opencontainers.image.title"]).toBe("portcullis");
  });

  it("has an SBOM that holds together, of what is bundled and node", () => {
    const { bomFormat, specVersion, serialNumber, metadata, components, dependencies } = readBom();
    expect({ bomFormat, specVersion, timestamp: metadata.timestamp }).toEqual({
      bomFormat: "CycloneDX",
      specVersion: "1.5",
      timestamp: new Date(Number(epoch) * 1000).toISOString(),
    });
    expect(serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(metadata.component).toMatchObject({ type: "application", name: "portcullis", version: "0.1.0" });

    const refs = components.map((component) => component["bom-ref"]);
    expect(new Set(refs).size).toBe(refs.length);
    const named = dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
    expect(named.filter((ref) => !refs.includes(ref) && ref !== metadata.component["bom-ref"])).toEqual([]);
    for (const { name, version, purl } of components)
      expect(decodeURIComponent(purl ?? "")).toContain(`/${name}@${version}`);

    const names = components.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["express", "pino", "yaml", "node-forge", "@kubernetes/client-node", "node"]),
    );
    // Of development; and of production, but shaken out of the bundles.
    for (const absent of ["vitest", "typescript", "esbuild", "@types/node"]) expect(names).not.toContain(absent);
    expect(JSON.stringify(components)).not.toContain('"distribution"');
  });

  it("has the terms of every package that is in the SBOM", () => {
    const terms = readFileSync(join(root, PAPERS, "THIRD-PARTY-LICENSES"), "utf8");
    const headings = [...terms.matchAll(/^## (\S+@\S+) \((.+)\)$/gm)].map(([, ref]) => ref);
    const packages = readBom().components.filter(({ type }) => type === "library");
    expect(headings.sort()).toEqual(packages.map((component) => component["bom-ref"]).sort());
    expect(terms).toContain("Permission is hereby granted, free of charge");
    expect(readFileSync(join(root, PAPERS, "LICENSE"), "utf8")).toBe(readSource("LICENSE"));
  });

  it("has Debian's record of each library's package", async () => {
    for (const name of ["libc6", "libgcc-s1", "libstdc++6"]) {
      const record = readFileSync(join(root, "/var/lib/dpkg/status.d", name), "utf8");
      expect(record).toMatch(new RegExp(`^Package: ${name.replaceAll("+", "\\+")}\n`));
      expect(record).toMatch(/^Status: install ok installed$/m);
      expect(record).toMatch(/^Version: \d/m);
      expect(record.match(/^Package: /gm)).toHaveLength(1);
    }
  });

  /** In a mount namespace of its own; the environment is that of the image and what is given. */
  async function runInside(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const script =
      'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec chroot --userspec=65532:65532 "$0" "$@"';
    const command = ["--mount", "sh", "-c", script, root, "/usr/local/bin/node", ...args];
    const variables = { PATH: process.env.PATH ?? "", NODE_ENV: "production", ...env };
    return execute("unshare", command, { env: variables }).then(
      ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ status: code, stdout, stderr }),
    );
  }

  describe.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)("as its user, on a read-only root", () => {
    it.each(["server", "init"])(
      "%s starts, and ends with the settings error that docs/errors.md has",
      async (program) => {
        const { status, stderr } = await runInside([`/app/${program}.mjs`], { LOG_LEVEL: "loud" });
        expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(/^SETTINGS: [\s\S]*LOG_LEVEL/) });
      },
    );

    it("node knows who it is, which time it is and how to make a key, and can write nothing", async () => {
      const script = `
        const { userInfo } = require("node:os");
        const { generateKeyPairSync } = require("node:crypto");
        const tell = (path) => { try { require("node:fs").writeFileSync(path, ""); return "written"; } catch ({ code }) { return code; } };
        const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.asymmetricKeyType;
        const zone = new Date(0).toLocaleString("de-DE", { timeZone: "Europe/Berlin" });
        console.log(JSON.stringify({ ...userInfo(), key, zone, writes: ["/x", "/app/x", "/app/server.mjs"].map(tell) }));`;
      const { status, stdout } = await runInside(["--eval", script]);
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        uid: 65532,
        gid: 65532,
        username: "portcullis",
        key: "ec",
        zone: "1.1.1970, 01:00:00",
        writes: ["EROFS", "EROFS", "EROFS"],
      });
    });
  });

  it("comes out the same when it is built again, every step anew, by the page's own commands", async () => {
    const again = mkdtempSync(join(directory, "again-"));
    if (builder?.kind !== "buildah") {
      const second = await buildImage({ directory: again, buildArgs: { SOURCE_DATE_EPOCH: epoch }, useCache: false });
      expect(second.config.rootfs).toEqual(image.config.rootfs);
      return;
    }
    const blocks = [...readSource("docs/image.md").matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
      ([, block = ""]) => block,
    );
    const build = blocks.find((block) => /^buildah build /m.test(block)) ?? "false";
    const inspect =
      blocks.flatMap((block) => block.split("\n")).find((line) => line.startsWith("buildah inspect ")) ?? "false";
    const script = `set -eu\n${build}\n${inspect}`
      .replace("buildah build ", "buildah build --no-cache --pull=never ")
      .replaceAll(/^buildah /gm, `${builder.command} `)
      .replaceAll("registry.example.com/", "docker.io/library/")
      .replaceAll("portcullis:0.1.0", "portcullis:image-again");
    const { stdout } = await execute("bash", ["-c", script], { cwd: ROOT, maxBuffer: 16 * MEGABYTE });
    expect(stdout.trim().split("\n").at(-1)).toBe(`[${image.config.rootfs.diff_ids.join(" ")}]`);
  }, 1_200_000);
});
