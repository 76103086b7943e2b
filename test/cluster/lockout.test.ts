/** Proof: with every replica dead and failurePolicy Fail, the cluster repairs itself and nothing has to be deleted. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiClient, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { type Replicas, startReplicas } from "../support/replicas.ts";
import { installClosed } from "../support/restart-under-load.ts";
import { deploy } from "../support/rollout.ts";
import { deployment, dryRunOf, LOADED_NAMESPACE } from "../support/writes.ts";

const CONTROLLER_LIMIT_MS = 30_000;
/** The controller makes a DaemonSet's Pod at once, or is refused and tries again later and later. */
const FIRST_TRIES_MS = 5000;
const NETWORK_NAMESPACE = "network";
const DOOMED_NAMESPACE = "doomed";
const REPLICAS = { count: 2, mode: "pooled", lagMs: 0 } as const;
const CONFIGURATION = ["validatingwebhookconfiguration", "portcullis"] as const;

describeCluster("all replicas dead, failurePolicy Fail", (controlPlane) => {
  let installation: Installation;
  let replicas: Replicas;
  let api: ApiClient;
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane(), args);
  const findPods = async (namespace: string, app: string): Promise<string> =>
    (await kubectl("get", "pods", "-n", namespace, "-l", `app=${app}`, "-o", "name")).trim();
  const waitForPods = (namespace: string, app: string, limitMs = CONTROLLER_LIMIT_MS): Promise<void> =>
    waitUntil(`Pods of ${app} in ${namespace}`, limitMs, async () => (await findPods(namespace, app)) !== "");

  beforeAll(async () => {
    installation = await installClosed(controlPlane());
    replicas = await startReplicas(controlPlane(), installation, REPLICAS);
    api = createApiClient(controlPlane());
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
    await apply(controlPlane(), [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: NETWORK_NAMESPACE } },
      { apiVersion: "v1", kind: "Namespace", metadata: { name: DOOMED_NAMESPACE } },
      daemonSet("cni", NETWORK_NAMESPACE),
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept", namespace: DOOMED_NAMESPACE } },
      inNamespace(deployment("web", { app: "web" }), DOOMED_NAMESPACE),
      LEASE,
      WIDGETS,
    ]);
    await kubectl("wait", "--for=condition=Established", `crd/${WIDGETS.metadata.name}`, "--timeout=30s");
    await apply(controlPlane(), [WIDGET]);
    await waitForPods(DOOMED_NAMESPACE, "web");
    await replicas.kill();
  });
  afterAll(async () => {
    api?.close();
    await replicas?.stop();
    await installation?.stop();
  });

  it("F-109: an ordinary write fails: the door is closed", async () => {
    const { status, body } = await api.send(dryRunOf(deployment("web", { app: "web" })));
    expect({ status, message: body.message }).toEqual({
      status: 500,
      message: expect.stringContaining('failed calling webhook "validate.portcullis.dev"'),
    });
  });

  it("a write that no policy has anything to say about is not asked about, and passes", async () => {
    const { metadata, spec, ...rest } = deployment("web", { app: "web" });
    const { volumes: _, ...podSpec } = spec.template.spec;
    const containers = podSpec.containers.map(({ name, image }) => ({ name, image }));
    const template = { metadata: { labels: spec.template.metadata.labels }, spec: { containers } };
    const plain = { ...rest, metadata, spec: { ...spec, template } };
    expect((await api.send(dryRunOf(plain))).status).toBe(201);
    // Without the label it would have a violation, and nobody is there to say so.
    expect((await api.send(dryRunOf({ ...plain, metadata: { name: "web" } }))).status).toBe(500);
  });

  it("F-111: kube-system works, labels or none", async () => {
    await apply(controlPlane(), [inNamespace(deployment("dns", {}), "kube-system")]);
    await waitForPods("kube-system", "dns");
  });

  it("F-111: the Deployment of portcullis itself gets its Pods", async () => {
    await deploy(controlPlane());
    await waitUntil("Pods of the Deployment", CONTROLLER_LIMIT_MS, async () => {
      const owners = ["-o", "jsonpath={.items[*].metadata.ownerReferences[*].kind}"];
      return (await kubectl("get", "pods", "-n", installation.namespace, ...owners)).includes("ReplicaSet");
    });
  });

  it("F-111: a DaemonSet of another namespace gets its Pod on a new node", async () => {
    await apply(controlPlane(), [{ apiVersion: "v1", kind: "Node", metadata: { name: "fresh" } }]);
    await waitForPods(NETWORK_NAMESPACE, "cni", FIRST_TRIES_MS);
  });

  it("F-111: a namespace can be deleted, with what is in it", async () => {
    await kubectl("delete", "namespace", DOOMED_NAMESPACE, "--timeout=30s");
  });

  it("F-111: a node renews its lease, and a leader its own", async () => {
    for (const namespace of ["kube-node-lease", "kube-system", LOADED_NAMESPACE]) {
      const lease = { ...LEASE, metadata: { ...LEASE.metadata, namespace } };
      await apply(controlPlane(), [lease]);
      const spec = JSON.stringify({ spec: { renewTime: new Date().toISOString().replace("Z", "000Z") } });
      await kubectl("patch", "lease", LEASE.metadata.name, "-n", namespace, "--type=merge", "-p", spec);
    }
  });

  it("F-111: a custom resource is deleted, with what its finalizer waits for", async () => {
    const { name, namespace } = WIDGET.metadata;
    await kubectl("delete", WIDGETS.metadata.name, name, "-n", namespace, "--wait=false");
    await kubectl(
      "patch",
      WIDGETS.metadata.name,
      name,
      "-n",
      namespace,
      "--type=merge",
      "-p",
      '{"metadata":{"finalizers":null}}',
    );
    await kubectl("wait", "--for=delete", `${WIDGETS.metadata.name}/${name}`, "-n", namespace, "--timeout=30s");
  });

  it("F-111: kubectl exec gets as far as the Pod", async () => {
    const [pod = ""] = (await findPods("kube-system", "dns")).split("\n");
    const { stderr } = await controlPlane().kubectl(["exec", "-n", "kube-system", pod, "--", "true"]);
    // There is no node for it here; admission comes before that.
    expect(stderr).toMatch(/does not have a host assigned/);
  });

  it("F-111: a person can open the door, and close it again", async () => {
    const patchFailurePolicy = (failurePolicy: string) => {
      const patch = JSON.stringify({ webhooks: [{ name: "validate.portcullis.dev", failurePolicy }] });
      return kubectl("patch", ...CONFIGURATION, "--type=strategic", "-p", patch);
    };
    const isAdmitted = async () => (await api.send(dryRunOf(deployment("web", { app: "web" })))).status === 201;
    await patchFailurePolicy("Ignore");
    await waitUntil("a write passes", CONTROLLER_LIMIT_MS, isAdmitted);
    await patchFailurePolicy("Fail");
    await waitUntil("no write passes", CONTROLLER_LIMIT_MS, async () => !(await isAdmitted()));
    await kubectl("delete", ...CONFIGURATION, "--dry-run=server");
  });

  it("new replicas come up by themselves, and writes are judged again", async () => {
    await replicas.stop();
    replicas = await startReplicas(controlPlane(), installation, REPLICAS);
    await waitUntil("the canary is refused", CONTROLLER_LIMIT_MS, () => installation.isEnforcing());
    expect((await api.send(dryRunOf(deployment("web", { app: "web" }), LOADED_NAMESPACE))).status).toBe(201);
    expect((await api.send(dryRunOf(deployment("web", {}), LOADED_NAMESPACE))).status).toBe(403);
    await waitForPods(NETWORK_NAMESPACE, "cni");
  });
});

function inNamespace(object: { readonly metadata: object }, namespace: string): object {
  return { ...object, metadata: { ...object.metadata, namespace } };
}

const LEASE = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "fresh", namespace: "kube-node-lease" },
  spec: { holderIdentity: "fresh", leaseDurationSeconds: 40 },
} as const;

const WIDGETS = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.org" },
  spec: {
    group: "example.org",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
} as const;

const WIDGET = {
  apiVersion: "example.org/v1",
  kind: "Widget",
  metadata: { name: "one", namespace: LOADED_NAMESPACE, finalizers: ["example.org/controller"] },
} as const;

function daemonSet(name: string, namespace: string): object {
  const labels = { app: name };
  const template = {
    metadata: { labels },
    spec: { containers: [{ name, image: "registry.example.com/cni:1" }], tolerations: [{ operator: "Exists" }] },
  };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace, labels },
    spec: { selector: { matchLabels: labels }, template },
  };
}
