/** Tests on a real control plane: where none can be had they are skipped, each of them visibly, with the reason. */
import { afterAll, beforeAll, describe } from "vitest";
import { findAssets } from "./control-plane/find-assets.ts";
import type { ApiServerOptions } from "./control-plane/flags.ts";
import { describeThisMachine } from "./control-plane/machine.ts";
import { type ControlPlane, startControlPlane } from "./control-plane/start.ts";

const assets = findAssets(process.env, describeThisMachine());

/** `tests` get the control plane as a function: it is there once the tests run. */
export function describeCluster(
  name: string,
  tests: (controlPlane: () => ControlPlane) => void,
  options: ApiServerOptions = {},
): void {
  if (!assets.found) {
    describe.skip(`${name} (no control plane: ${assets.reason})`, () => tests(notRunning));
    return;
  }
  describe(name, () => {
    let controlPlane: ControlPlane | undefined;
    beforeAll(async () => {
      controlPlane = await startControlPlane({ ...options, assets: assets.path });
    });
    afterAll(() => controlPlane?.stop());
    tests(() => controlPlane ?? notRunning());
  });
}

function notRunning(): never {
  throw new Error("the control plane is not running");
}
