/** Installation as manifests/README.md has it: a kustomization of one's own on top of ours, and `kubectl apply -k`. */
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { MANIFESTS } from "../../support/kustomize.ts";
import type { E2eCluster } from "./cluster.ts";

export interface KustomizeOptions {
  /** Files of policies, over or beside those that ship. */
  readonly policies?: Readonly<Record<string, string>>;
  /** Strategic merge patches, in YAML. */
  readonly patches?: readonly string[];
}

/** `source` is a kustomization below manifests/: base, overlays/keeper. Returns the directory for `-k`. */
export function writeKustomization(cluster: E2eCluster, source: string, options: KustomizeOptions = {}): string {
  const directory = mkdtempSync(join(realpathSync(cluster.directory), "kustomization-"));
  const { policies = {}, patches = [] } = options;
  const files = Object.keys(policies);
  if (files.length > 0) mkdirSync(join(directory, "policies"));
  for (const [file, text] of Object.entries(policies)) writeFileSync(join(directory, "policies", file), text);
  const generator = {
    name: "portcullis-policies",
    namespace: "portcullis",
    behavior: "merge",
    files: files.map((file) => `policies/${file}`),
  };
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: [relative(directory, join(MANIFESTS, source))],
    images: [{ name: "portcullis", ...splitReference(cluster.settings.image) }],
    patches: patches.map((patch) => ({ patch })),
    ...(files.length > 0 ? { configMapGenerator: [generator] } : {}),
  };
  writeFileSync(join(directory, "kustomization.yaml"), JSON.stringify(kustomization));
  return directory;
}

/** NAME[:TAG][@DIGEST]; a colon before the last slash is that of the registry's port. */
export function splitReference(reference: string) {
  const [, newName = reference, newTag, digest] = /^(.+?)(?::([^:/@]+))?(?:@(.+))?$/.exec(reference) ?? [];
  return { newName, ...(newTag === undefined ? {} : { newTag }), ...(digest === undefined ? {} : { digest }) };
}
