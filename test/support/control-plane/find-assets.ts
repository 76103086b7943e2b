/**
 * Where a control plane's programs are, by the convention of the field (envtest's KUBEBUILDER_ASSETS).
 * Only looks: what is missing is built by build-assets.ts.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { KUBERNETES_MODULE } from "./go-modules.ts";
import { cacheDirectory, describeMissing, type Environment, type Finding, isProgram, type Machine } from "./machine.ts";

export const ASSETS = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"] as const;

/**
 * The directory that holds all of ASSETS: KUBEBUILDER_ASSETS, else the newest version of setup-envtest's,
 * else the cache. Throws if KUBEBUILDER_ASSETS is set to a directory that lacks one of them.
 */
export function findAssets(env: Environment, machine: Machine): Finding {
  const named = env.KUBEBUILDER_ASSETS;
  if (named) {
    const missing = missingAssets(named);
    if (missing.length > 0) throw new Error(`KUBEBUILDER_ASSETS=${named} lacks ${missing.join(", ")}`);
    return { found: true, path: named, origin: "KUBEBUILDER_ASSETS" };
  }

  const rejected: string[] = [];
  for (const directory of envtestDirectories(env, machine)) {
    const missing = missingAssets(directory);
    if (missing.length === 0) return { found: true, path: directory, origin: "setup-envtest" };
    rejected.push(`${directory} lacks ${missing.join(", ")}`);
  }

  const cached = assetsCacheDirectory(env, machine);
  if (missingAssets(cached).length === 0) return { found: true, path: cached, origin: "cache" };

  return describeMissing(["KUBEBUILDER_ASSETS is not set", ...rejected, `${cached} is not built`].join("; "), env);
}

/** Named by version, so that a new version in go.mod is a new build. */
export function assetsCacheDirectory(env: Environment, machine: Machine): string {
  const name = `${KUBERNETES_MODULE.version}-${machine.os}-${machine.arch}`;
  return join(cacheDirectory(env, machine), "control-plane", name);
}

export function missingAssets(directory: string): string[] {
  return ASSETS.filter((name) => !isProgram(join(directory, name)));
}

/**
 * The directories that `setup-envtest use` has filled for this platform, newest version first. What it downloads has no
 * kube-controller-manager: such a directory qualifies once somebody has put one there.
 */
function envtestDirectories(env: Environment, machine: Machine): string[] {
  const store = join(userDataDirectory(env, machine), "kubebuilder-envtest", "k8s");
  const platform = `-${machine.os}-${machine.arch}`;
  return listDirectory(store)
    .filter((name) => name.endsWith(platform) && /^\d+\.\d+\.\d+$/.test(name.slice(0, -platform.length)))
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
    .map((name) => join(store, name));
}

function userDataDirectory(env: Environment, machine: Machine): string {
  if (machine.os === "darwin") return join(machine.homeDirectory, "Library", "Application Support");
  return env.XDG_DATA_HOME || join(machine.homeDirectory, ".local", "share");
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
