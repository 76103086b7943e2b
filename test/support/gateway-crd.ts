/**
 * The CustomResourceDefinition of Gateway API's HTTPRoute, out of the Go module that its project publishes, so that the
 * API server of the tests validates HTTPRoutes as any cluster does. Go keeps the module in its cache.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import type { ControlPlane } from "./control-plane/start.ts";
import { apply, waitUntil } from "./installation.ts";

const MODULE = "sigs.k8s.io/gateway-api@v1.3.0";
/** Go's own checksum of it, as a go.sum would have it. */
const SUM = "h1:q6okN+/UKDATola4JY7zXzx40WO4VISk7i9DIfOvr9M=";
const FILE = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml";
/** A few megabytes, from a proxy that may not answer. */
const DOWNLOAD_LIMIT_MS = 60_000;
const SERVED_LIMIT_MS = 30_000;

export type GatewayCrd =
  | { readonly found: true; readonly definition: { readonly metadata: { readonly name: string } } }
  | { readonly found: false; readonly reason: string };

export function findGatewayCrd(): GatewayCrd {
  const args = ["mod", "download", "-json", MODULE];
  // Outside of any module, whose own requirements would be looked at first.
  const { error, status, stdout } = spawnSync("go", args, {
    cwd: tmpdir(),
    encoding: "utf8",
    timeout: DOWNLOAD_LIMIT_MS,
  });
  if (error) return { found: false, reason: `go can't be run: ${error.message}` };
  if (status !== 0) return { found: false, reason: `go mod download ${MODULE} failed: ${reasonIn(stdout)}` };
  const { Dir, Sum } = JSON.parse(stdout);
  if (Sum !== SUM) throw new Error(`${MODULE} has the checksum ${Sum}, not ${SUM}`);
  return { found: true, definition: parse(readFileSync(join(Dir, FILE), "utf8")) };
}

function reasonIn(stdout: string): string {
  try {
    return JSON.parse(stdout).Error;
  } catch {
    return "it says nothing";
  }
}

/** Returns once the API server serves HTTPRoutes. */
export async function installGatewayCrd(controlPlane: ControlPlane, crd: GatewayCrd): Promise<void> {
  if (!crd.found) return;
  const { definition } = crd;
  await apply(controlPlane, [definition]);
  await waitUntilServed(controlPlane, definition.metadata.name);
}

/** `kubectl wait` alone fails on a definition that has no conditions yet. */
export async function waitUntilServed(controlPlane: ControlPlane, definition: string): Promise<void> {
  const args = ["wait", "--for=condition=Established", `crd/${definition}`];
  await waitUntil(`${definition} is served`, SERVED_LIMIT_MS, async () => {
    return (await controlPlane.kubectl(args)).status === 0;
  });
}
