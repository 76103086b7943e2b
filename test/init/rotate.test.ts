/** What a real API server can't be made to do to `init.mjs rotate`; the rest is in test/cluster. */
import { ApiException } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { runRotate } from "../../init/rotate.ts";
import type { ClusterConnection } from "../../src/cluster/client.ts";
import { readRotateConfig } from "../../src/config.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createFakeClock } from "./init-run.ts";

const CONFIG = readRotateConfig({ WEBHOOK_NAMESPACE: "policy", WEBHOOK_DEPLOYMENT: "portcullis" });

/** Each request takes the next of `statuses`; 200 once there are none. */
function prepareRotate(...statuses: readonly number[]) {
  const left = [...statuses];
  const requests: unknown[] = [];
  const answer = async (request: object) => {
    requests.push(request);
    const status = left.shift() ?? 200;
    if (status !== 200)
      throw new ApiException(status, "scripted", JSON.stringify({ message: `scripted ${status}` }), {});
    return {};
  };
  const apps = { readNamespacedDeployment: answer, patchNamespacedDeployment: answer };
  const connection = { apps } as unknown as ClusterConnection;
  const logger = createLogger("init", "fatal");
  return { requests, run: () => runRotate({ config: CONFIG, connection, clock: createFakeClock(), logger }) };
}

test("applies nothing but the annotation, in whole seconds, as its own field manager", async () => {
  const { requests, run } = prepareRotate();
  await run();
  expect(requests).toEqual([
    { namespace: "policy", name: "portcullis" },
    {
      namespace: "policy",
      name: "portcullis",
      fieldManager: "portcullis-rotate",
      force: true,
      body: {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { namespace: "policy", name: "portcullis" },
        spec: { template: { metadata: { annotations: { "portcullis.dev/rotated-at": "2026-06-01T12:00:00Z" } } } },
      },
    },
  ]);
});

test("tries again while the API server is away, and stays with the time at which it began", async () => {
  const { requests, run } = prepareRotate(503, 200, 429, 200, 500);
  await run();
  expect(requests).toHaveLength(7);
  expect(JSON.stringify(requests.at(-1))).toContain('"2026-06-01T12:00:00Z"');
});

test("gives up after a minute, with the latest reason", async () => {
  const { run } = prepareRotate(...Array(1000).fill(503));
  await expect(run()).rejects.toMatchObject({
    code: "API",
    message: expect.stringMatching(
      /^gave up .*: get deployments\.apps "portcullis" in policy: status 503 scripted 503$/,
    ),
  });
});

test("does not apply to a Deployment that isn't there", async () => {
  const { requests, run } = prepareRotate(404);
  await expect(run()).rejects.toMatchObject({
    code: "DEPLOYMENT",
    message: 'there is no Deployment "portcullis" in namespace "policy"',
  });
  expect(requests).toHaveLength(1);
});

test("is told which verb it lacks", async () => {
  await expect(prepareRotate(403).run()).rejects.toMatchObject({
    code: "RBAC",
    message: 'forbidden: get deployments.apps "portcullis" in policy: scripted 403',
  });
  await expect(prepareRotate(200, 403).run()).rejects.toMatchObject({
    code: "RBAC",
    message: 'forbidden: patch deployments.apps "portcullis" in policy: scripted 403',
  });
});
