/** Numbers, names and texts that JavaScript takes for something else: the API server stores what it would without us. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { setAnnotations } from "../../src/kube/json-patch.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import type { ResourceRule } from "../../src/rules/rule.ts";
import { veleroBackup } from "../../src/rules/velero-backup/rule.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, kubectlOrThrow, waitUntil } from "../support/installation.ts";
import { policyOf, ruleOf } from "../support/policies.ts";
import { serveFor } from "../support/registered-server.ts";
import type { TestServer } from "../support/serve.ts";

const NAMES = ["constructor", "prototype", "toString", "hasOwnProperty"];
const THINGS: readonly ResourceRule[] = [
  { group: "example.org", version: "v1", resources: ["things"], operations: ["CREATE", "UPDATE"] },
];
/** Annotates every thing. */
const annotating = ruleOf(({ object }) => ({ violations: [], patches: setAnnotations(object, { note: "seen" }) }), {
  resources: THINGS,
  mutates: THINGS,
});
const POLICIES = [
  policyOf(annotating, {}, "things"),
  policyOf(veleroBackup, {}, "pods"),
  policyOf(ingressBucket, { params: { bucketPattern: "[a-z]+", staticLabels: {}, requiredLabels: [] } }, "ingresses"),
  policyOf(
    requiredLabels,
    { params: { labels: NAMES.map((name) => ({ anyOf: [name] })) }, match: { resources: ["services"] } },
    "services",
  ),
];

const things = { plural: "things", singular: "thing", kind: "Thing", listKind: "ThingList" };
const openAPIV3Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const CRD = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "things.example.org" },
  spec: {
    group: "example.org",
    scope: "Namespaced",
    names: things,
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }],
  },
};

const SPEC = `{"safe":1,"odd":9007199254740993,"huge":12345678901234567890,"max":9223372036854775807,"min":-9223372036854775808,
"one":1.0,"zero":-0,"list":[9007199254740993,1.0,-0,1e2,1e300,0.1],"__proto__":{"labels":{"a":9007199254740993}},
"constructor":{"prototype":null},"toString":"\\u003c<&>\\u2028","hasOwnProperty":[],"prototype":1}`;
const THING = `{"apiVersion":"example.org/v1","kind":"Thing","metadata":{"name":"odd","annotations":{"a/b":"kept"}},"spec":${SPEC}}`;
const POD = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"odd"},"spec":{
"automountServiceAccountToken":false,"terminationGracePeriodSeconds":9007199254740993,"securityContext":{"runAsUser":-0},
"tolerations":[{"key":"odd","operator":"Exists","effect":"NoExecute","tolerationSeconds":9223372036854775807}],
"containers":[{"name":"web","image":"example.com/web:1","volumeMounts":[{"name":"data","mountPath":"/data"}]}],
"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data"}}]}}`;

/** Of the two namespaces, this one's objects are made before anybody is registered. */
const WITHOUT = "without";
const WITH = "with";
const pathIn = (namespace: string, resource: string) => `/apis/example.org/v1/namespaces/${namespace}/${resource}`;

describeCluster("objects that are odd", (controlPlane) => {
  let api: ApiClient;
  let server: TestServer;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    await apply(controlPlane(), [
      CRD,
      ...[WITHOUT, WITH].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ]);
    await kubectlOrThrow(controlPlane(), ["wait", "--for=condition=Established", "crd/things.example.org"]);
    await waitUntil("both namespaces have their ServiceAccount", 30_000, async () => {
      const paths = [WITHOUT, WITH].map((name) => `/api/v1/namespaces/${name}/serviceaccounts/default`);
      const answers = await Promise.all(paths.map((path) => api.send({ method: "GET", path })));
      return answers.every(({ status }) => status === 200);
    });
    await create(pathIn(WITHOUT, "things"), THING);
    await create(pathOf("pods", WITHOUT), POD);
    server = await serveFor(controlPlane(), POLICIES);
    await waitUntil("the API server asks", 30_000, async () => (await createService({})).status === 403);
  });

  afterAll(async () => {
    api?.close();
    await server?.close();
  });

  /** The very bytes: a client would read the numbers, and write others. */
  const create = (path: string, text: string) =>
    kubectlOrThrow(controlPlane(), ["create", "--raw", path, "-f", "-"], text);

  function createService(labels: Readonly<Record<string, string>>) {
    const body = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "odd", labels },
      spec: { ports: [{ port: 80 }] },
    };
    return api.send({ method: "POST", path: `${pathOf("services", WITH)}?dryRun=All`, body });
  }

  /** As it is stored, without what differs between any two objects. */
  async function read(path: string): Promise<string> {
    const text = await kubectlOrThrow(controlPlane(), ["get", "--raw", path]);
    return text
      .replace(/"managedFields":\[.*?\],?/s, "")
      .replaceAll(/"(uid|resourceVersion|creationTimestamp|namespace|startTime|lastTransitionTime)":"[^"]*",?/g, "");
  }

  const readBoth = (path: (namespace: string) => string) =>
    Promise.all([WITHOUT, WITH].map((namespace) => read(`${path(namespace)}/odd`)));

  it("F-38, F-40: a custom resource is stored as without us, but for the annotation that is added", async () => {
    await create(pathIn(WITH, "things"), THING);
    const [without, withUs] = await readBoth((namespace) => pathIn(namespace, "things"));
    expect(without).toContain('"odd":9007199254740993');
    expect(withUs).toContain(',"note":"seen"');
    expect(withUs?.replace(',"note":"seen"', "")).toBe(without);
  });

  it("F-40: and stays so when it is changed", async () => {
    const body = { metadata: { labels: { changed: "true" } } };
    const contentType = "application/merge-patch+json";
    for (const [namespace, policies] of [
      [WITHOUT, []],
      [WITH, POLICIES],
    ] as const) {
      server.use({ policies });
      await api.send({ method: "PATCH", path: `${pathIn(namespace, "things")}/odd`, body, contentType });
    }
    const [without, withUs] = await readBoth((namespace) => pathIn(namespace, "things"));
    expect(without).toContain('"changed":"true"');
    expect(withUs?.replace(',"note":"seen"', "")).toBe(without);
  });

  it("F-40: a Pod is stored as without us, but for the annotations that are added", async () => {
    await create(pathOf("pods", WITH), POD);
    const [without, withUs] = await readBoth((namespace) => pathOf("pods", namespace));
    expect(without).toContain('"terminationGracePeriodSeconds":9007199254740993');
    const ours = `"annotations":{"backup.velero.io/backup-volumes":"data","portcullis.dev/backup-volumes":"generated"},`;
    expect(withUs).toContain(ours);
    expect(withUs?.replace(ours, "")).toBe(without);
  });

  it("F-40: a number that is none is refused with and without us", async () => {
    const text = THING.replace("1.0", "1e400").replace('"odd"', '"another"');
    const outcomes = [];
    for (const policies of [[], POLICIES]) {
      server.use({ policies });
      const args = ["create", "--raw", pathIn(WITH, "things"), "-f", "-"];
      outcomes.push((await controlPlane().kubectl(args, { stdin: text })).stderr);
    }
    expect(outcomes[0]).toMatch(/1e400/);
    expect(outcomes[1]).toBe(outcomes[0]);
  });

  it("F-38: labels with the names of JavaScript's own properties are missing where nobody set them", async () => {
    const { status, body } = await createService({ app: "web" });
    expect(status).toBe(403);
    for (const name of NAMES) expect(body.message).toContain(`label "${name}" is missing`);
    expect((await createService(Object.fromEntries(NAMES.map((name) => [name, "x"])))).status).toBe(201);
  });

  it.each([
    ["with the direction reversed", "\u202ebew"],
    ["with a zero width joiner", "we\u200db"],
    ["with a letter of another alphabet", "w\u0435b"],
    ["with a lone surrogate, of which the API server makes U+FFFD", "web\ud800"],
    ["in capitals", "WEB"],
  ])("F-41: a rewrite that only looks like the bucket is refused: %s", async (_what, bucket) => {
    const createIngress = (rewritten: string) =>
      api.send({
        method: "POST",
        path: `${pathOf("ingresses.networking.k8s.io", WITH)}?dryRun=All`,
        body: ingressOf("web", rewritten),
      });
    expect((await createIngress("web")).status).toBe(201);
    const { status, body } = await createIngress(bucket);
    expect(status).toBe(403);
    expect(body.message).toMatch(/ING-(UNSAFE|MISMATCH)/);
    expect(body.message).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
  });
});

function ingressOf(bucket: string, rewritten: string) {
  const backend = { service: { name: "minio", port: { number: 9000 } } };
  const annotations = { "ingress.kubernetes.io/rewrite-target": `/${rewritten}` };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: "odd", labels: { bucket }, annotations },
    spec: {
      ingressClassName: "traefik",
      rules: [{ host: "web.example.org", http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }],
    },
  };
}
