/**
 * Pepr as it runs in its Pod, with a policy that asks for the same labels. It keeps a store in the cluster and serves nothing
 * before it has seen it: a stub in this process plays the API server for that, and is idle afterwards.
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

const { PEPR_DIRECTORY = "", CERT_DIR = "", PORT, KUBECONFIG = "" } = process.env;

const STORE = {
  apiVersion: "pepr.dev/v1",
  kind: "PeprStore",
  metadata: { name: "pepr-bench-store", namespace: "pepr-system", resourceVersion: "1" },
  data: {},
};
const STORES = { apiVersion: "pepr.dev/v1", kind: "PeprStoreList", metadata: { resourceVersion: "1" }, items: [STORE] };

const api = createServer(({ url = "" }, response) => {
  response.writeHead(200, { "Content-Type": "application/json" });
  // A watch, on which nothing ever happens.
  if (url.includes("watch=true")) response.flushHeaders();
  else response.end(JSON.stringify(url.includes("fieldSelector") ? STORES : STORE));
});
await once(api.listen(0, "127.0.0.1"), "listening");
const server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
const kubeconfig = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "stub", cluster: { server, "insecure-skip-tls-verify": true } }],
  users: [{ name: "stub", user: {} }],
  contexts: [{ name: "stub", context: { cluster: "stub", user: "stub" } }],
  "current-context": "stub",
};
writeFileSync(KUBECONFIG, JSON.stringify(kubeconfig));

Object.assign(process.env, {
  PEPR_MODE: "admission",
  PEPR_API_PATH: "bench",
  SSL_CERT_PATH: join(CERT_DIR, "tls.crt"),
  SSL_KEY_PATH: join(CERT_DIR, "tls.key"),
});
// biome-ignore lint/suspicious/noExplicitAny: the package is the user's, and no dependency
const { PeprModule, Capability, a }: any = createRequire(join(PEPR_DIRECTORY, "package.json"))("pepr");

const capability = new Capability({ name: "bench", description: "Labels.", namespaces: [] });
capability
  .When(a.Deployment)
  .IsCreatedOrUpdated()
  // biome-ignore lint/suspicious/noExplicitAny: as above
  .Validate(({ Raw, Approve, Deny }: any) => {
    const labels = Raw.metadata?.labels ?? {};
    if (!labels.app && !labels["app.kubernetes.io/name"]) return Deny("the label app is missing");
    return labels.team ? Approve() : Deny("the label team is missing");
  });
const settings = { uuid: "bench", onError: "reject", webhookTimeout: 10, alwaysIgnore: { namespaces: [] } };
new PeprModule({ description: "bench", pepr: settings }, [capability], { deferStart: true }).start(Number(PORT));
