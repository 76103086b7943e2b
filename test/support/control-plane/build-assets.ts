/** A control plane's programs, built with Go where find-assets.ts finds none. About 4 minutes on 2 cores, once. */
import { assetsCacheDirectory, findAssets } from "./find-assets.ts";
import { type BuildProgress, buildGoPrograms, type GoProgram } from "./go-build.ts";
import { ETCD_MODULE, KUBERNETES_MODULE } from "./go-modules.ts";
import type { Environment, Finding, Machine } from "./machine.ts";

/** What findAssets finds; if that is nothing and there is Go, what it builds. Throws where findAssets does. */
export async function obtainAssets(
  env: Environment,
  machine: Machine,
  onProgress?: (progress: BuildProgress) => void,
): Promise<Finding> {
  const finding = findAssets(env, machine);
  if (finding.found || finding.goPath === undefined) return finding;
  const directory = assetsCacheDirectory(env, machine);
  return buildGoPrograms({ goPath: finding.goPath, programs: listPrograms(), directory, env, machine, onProgress });
}

/** The smallest first, so that a machine on which nothing can be built is told apart soon. */
function listPrograms(): GoProgram[] {
  const stamps = stampKubernetesVersion(KUBERNETES_MODULE.version);
  const kubernetes = ["kubectl", "kube-apiserver", "kube-controller-manager"].map((name) => ({
    name,
    packagePath: `k8s.io/kubernetes/cmd/${name}`,
    module: KUBERNETES_MODULE,
    stamps,
  }));
  return [{ name: "etcd", packagePath: "go.etcd.io/etcd/server/v3", module: ETCD_MODULE, stamps: [] }, ...kubernetes];
}

/** What the project's own release build stamps (hack/lib/version.sh); without it the server calls itself v0.0.0. */
function stampKubernetesVersion(version: string): string[] {
  const [major, minor] = version.slice(1).split(".");
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" };
  return ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((path) =>
    Object.entries(values).map(([name, value]) => `${path}.${name}=${value}`),
  );
}
