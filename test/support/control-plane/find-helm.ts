/** Helm, for the tests of the chart: the one on the PATH, else one built with Go into the cache. */
import { join } from "node:path";
import { type BuildProgress, buildGoPrograms } from "./go-build.ts";
import { HELM_MODULE } from "./go-modules.ts";
import {
  cacheDirectory,
  describeMissing,
  type Environment,
  type Finding,
  findOnPath,
  isProgram,
  type Machine,
} from "./machine.ts";

export function findHelm(env: Environment, machine: Machine): Finding {
  const onPath = findOnPath("helm", env);
  if (onPath !== undefined) return { found: true, path: onPath, origin: "PATH" };

  const cached = join(helmCacheDirectory(env, machine), "helm");
  if (isProgram(cached)) return { found: true, path: cached, origin: "cache" };

  return describeMissing(`no helm on the PATH; ${cached} is not built`, env);
}

/** What findHelm finds; if that is nothing and there is Go, what it builds. */
export async function obtainHelm(
  env: Environment,
  machine: Machine,
  onProgress?: (progress: BuildProgress) => void,
): Promise<Finding> {
  const finding = findHelm(env, machine);
  if (finding.found || finding.goPath === undefined) return finding;
  const directory = helmCacheDirectory(env, machine);
  const stamps = [`helm.sh/helm/v4/internal/version.version=${HELM_MODULE.version}`];
  const programs = [{ name: "helm", packagePath: "helm.sh/helm/v4/cmd/helm", module: HELM_MODULE, stamps }];
  const built = await buildGoPrograms({ goPath: finding.goPath, programs, directory, env, machine, onProgress });
  return built.found ? { ...built, path: join(directory, "helm") } : built;
}

function helmCacheDirectory(env: Environment, machine: Machine): string {
  return join(cacheDirectory(env, machine), "helm", `${HELM_MODULE.version}-${machine.os}-${machine.arch}`);
}
