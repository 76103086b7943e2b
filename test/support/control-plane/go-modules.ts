/**
 * The Go modules whose programs the tests run, each pinned by the go.mod and go.sum of a module of its own:
 * in one module, Kubernetes and etcd would decide on each other's dependencies.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface GoModule {
  /** The folder of the go.mod that requires it. */
  readonly directory: string;
  /** "v1.36.3", as in that go.mod. */
  readonly version: string;
}

export const KUBERNETES_MODULE = readGoModule("control-plane", "k8s.io/kubernetes");
export const ETCD_MODULE = readGoModule("control-plane/etcd", "go.etcd.io/etcd/server/v3");
export const HELM_MODULE = readGoModule("helm", "helm.sh/helm/v4");

function readGoModule(folder: string, path: string): GoModule {
  const directory = fileURLToPath(new URL(`../../cluster/${folder}/`, import.meta.url));
  const requirement = readFileSync(join(directory, "go.mod"), "utf8")
    .split("\n")
    .map((line) => line.trim().split(" "))
    .find((words) => words[0] === path);
  const version = requirement?.[1];
  if (version === undefined) throw new Error(`${join(directory, "go.mod")} doesn't require ${path}`);
  return { directory, version };
}
