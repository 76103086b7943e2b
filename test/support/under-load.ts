/** Tests on a real control plane with an installation that fails closed, and somebody who writes. */
import { afterAll, beforeAll } from "vitest";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { describeCluster } from "./cluster.ts";
import type { ControlPlane } from "./control-plane/start.ts";
import type { Installation } from "./installation.ts";
import { installClosed } from "./restart-under-load.ts";

export interface Loaded {
  readonly controlPlane: ControlPlane;
  readonly installation: Installation;
  readonly api: ApiClient;
}

/** `tests` get all three as a function: they are there once the tests run. */
export function describeUnderLoad(name: string, tests: (loaded: () => Loaded) => void): void {
  describeCluster(name, (controlPlane) => {
    let installation: Installation;
    let api: ApiClient;
    beforeAll(async () => {
      installation = await installClosed(controlPlane());
      api = createApiClient(controlPlane());
    });
    afterAll(async () => {
      api?.close();
      await installation?.stop();
    });
    tests(() => ({ controlPlane: controlPlane(), installation, api }));
  });
}
