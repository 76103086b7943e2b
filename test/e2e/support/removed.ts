/** Whether portcullis has left without a trace. */
import { expect } from "vitest";
import type { E2eCluster } from "./cluster.ts";
import { CLUSTER_SCOPED, PORTCULLIS } from "./enforcing.ts";

export async function expectNothingLeft({ run }: E2eCluster): Promise<void> {
  expect(await run(["get", "namespace", PORTCULLIS, "--ignore-not-found", "-o", "name"])).toBe("");
  const names = (await run(["get", CLUSTER_SCOPED.join(), "-o", "name"])).split("\n");
  expect(names.filter((name) => /\/portcullis(?!-e2e)/.test(name))).toEqual([]);
}
