/**
 * `node sbom.ts METAFILE DIRECTORY`: the papers of the image, of the packages that esbuild has put into the bundles and no others.
 * `sbom.cdx.json` is npm's CycloneDX document, less what is not there and what differs from build to build; `THIRD-PARTY-LICENSES`
 * holds the terms under which they may be passed on.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** https://cyclonedx.org/docs/1.5/json, as far as it is used here. */
export interface Component {
  readonly "bom-ref": string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly externalReferences?: readonly { readonly type: string; readonly url: string }[];
}

export interface Bom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp: string; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** https://esbuild.github.io/api/#metafile */
export interface Metafile {
  readonly outputs: Readonly<Record<string, { readonly inputs: Readonly<Record<string, { bytesInOutput: number }>> }>>;
}

/** Their folders, sorted. What is imported and then shaken out is not there. */
export function listBundledPackages({ outputs }: Metafile): readonly string[] {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const paths = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path);
  const folders = paths.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

/** Node is in the image and in no package manager's records: scanners find it by its cpe. */
function describeNode(version: string): Component {
  return {
    "bom-ref": `node@${version}`,
    type: "platform",
    name: "node",
    version,
    purl: `pkg:generic/node@${version}`,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
  };
}

/** `refs`: `name@version` of the bundled packages, all of which `bom` must have. The addresses that npm was given for them, a mirror maybe, say nothing about them. */
export function reviseBom(bom: Bom, refs: ReadonlySet<string>, nodeVersion: string, epochSeconds: number): Bom {
  const { component } = bom.metadata;
  const known = new Set(bom.components.map((entry) => entry["bom-ref"]));
  const unknown = [...refs].filter((ref) => !known.has(ref));
  if (unknown.length > 0) throw new Error(`npm sbom knows nothing of ${unknown.join(", ")}`);
  const components = [
    describeNode(nodeVersion),
    ...bom.components
      .filter((entry) => refs.has(entry["bom-ref"]))
      .map((entry) => ({
        ...entry,
        externalReferences: (entry.externalReferences ?? []).filter(({ type }) => type !== "distribution"),
      })),
  ];
  const present = new Set([component, ...components].map((entry) => entry["bom-ref"]));
  const revised = {
    ...bom,
    metadata: {
      ...bom.metadata,
      timestamp: new Date(epochSeconds * 1000).toISOString(),
      // npm calls it after the folder that it is built in.
      component: { ...component, type: "application", name: component["bom-ref"].replace(/@[^@]*$/, "") },
    },
    components,
    dependencies: bom.dependencies
      .filter(({ ref }) => present.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => present.has(other)) })),
  };
  return { ...revised, serialNumber: `urn:uuid:${uuidOf(JSON.stringify({ ...revised, serialNumber: "" }))}` };
}

/** RFC 9562, version 8: what is hashed is ours to choose. */
function uuidOf(text: string): string {
  const hash = createHash("sha256").update(text).digest("hex");
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join("-");
}

function readReference(folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return `${name}@${version}`;
}

function renderLicences(folders: readonly string[]): string {
  const sections = folders.map((folder) => {
    const files = readdirSync(folder).filter((name) => /^(licen[cs]e|notice|copying)/i.test(name));
    const texts = files.sort().map((name) => readFileSync(join(folder, name), "utf8").trim());
    const { license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return [`## ${readReference(folder)} (${license})`, ...texts].join("\n\n");
  });
  return `${sections.join("\n\n")}\n`;
}

if (import.meta.main) {
  const [, , metafilePath = "metafile.json", directory = "doc"] = process.argv;
  const folders = listBundledPackages(JSON.parse(readFileSync(metafilePath, "utf8")));
  // Without --omit=dev: npm 11 leaves out what is of production and of development.
  const npm = ["sbom", "--sbom-format=cyclonedx"];
  const bom = JSON.parse(execFileSync("npm", npm, { encoding: "utf8", maxBuffer: 64 * 2 ** 20 }));
  const epochSeconds = Number(process.env.SOURCE_DATE_EPOCH ?? 0);
  const revised = reviseBom(bom, new Set(folders.map(readReference)), process.versions.node, epochSeconds);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "sbom.cdx.json"), `${JSON.stringify(revised, null, 1)}\n`);
  writeFileSync(join(directory, "THIRD-PARTY-LICENSES"), renderLicences(folders));
}
