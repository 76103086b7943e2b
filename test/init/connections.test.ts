/** src/cluster/client.ts reaches into client-node so that a run has one TLS connection; this is what tells when it can't any more. */
import { AdmissionregistrationV1Api, KubeConfig } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { existingConfiguration, issueCa } from "./existing-configuration.ts";
import { openApi, prepareInit, VALIDATING } from "./init-run.ts";

test("all requests of a run share one connection", async () => {
  const api = await openApi();
  api.put(VALIDATING, existingConfiguration(issueCa("pod-b")));
  api.script({ verb: "patch", answer: 409, times: 10 });
  await prepareInit(api).run();
  expect(api.requests.length).toBeGreaterThan(20);
  expect(api.connectionCount()).toBe(1);
});

test("control: client-node by itself opens one for each request; once it doesn't, shareConnections can go", async () => {
  const api = await openApi();
  api.put(VALIDATING, existingConfiguration());
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(api.kubeconfig);
  const client = kubeConfig.makeApiClient(AdmissionregistrationV1Api);
  for (let request = 0; request < 3; request++) {
    await client.readValidatingWebhookConfiguration({ name: "portcullis" });
  }
  expect(api.connectionCount()).toBe(3);
});
