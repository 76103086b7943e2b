/**
 * Whatever the API server can ask about gets a verdict: an entry more in each phase, with every kind, operation and subresource in its
 * rules and failurePolicy Fail, so that an error of ours is one of the request. What is written is written as a dry run.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiAnswer, type ApiClient, type ApiRequest, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { CUSTOM_RESOURCE, type KnownResource, listResources, oneOfEach } from "../support/every-kind.ts";
import { CONNECTIONS, MERGE_PATCH, NAMESPACE, objectOf, SUBRESOURCES } from "../support/every-subresource.ts";
import { waitUntilServed } from "../support/gateway-crd.ts";
import { inParallel } from "../support/in-parallel.ts";
import {
  apply,
  type Installation,
  install,
  kubectlOrThrow,
  type RunningPod,
  waitUntil,
} from "../support/installation.ts";

const CORE = `/api/v1/namespaces/${NAMESPACE}`;
const LIMIT_MS = 30_000;
const PHASES = ["mutate", "validate"] as const;
const CONFIGURATIONS = { mutate: "mutatingwebhookconfiguration", validate: "validatingwebhookconfiguration" } as const;
const EVERYTHING = { apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"], scope: "*" };
/** What could refuse its own removal could never be taken out: the API server asks nobody. */
const NEVER_SENT = ["mutating", "validating"].flatMap((kind) =>
  ["webhookconfigurations", "admissionpolicies", "admissionpolicybindings"].map(
    (plural) => `${kind}${plural}.admissionregistration.k8s.io`,
  ),
);

describeCluster("every request that there is", (controlPlane) => {
  let api: ApiClient;
  let installation: Installation;
  let running: RunningPod;
  let resources: readonly KnownResource[];
  const answers: (ApiAnswer & { readonly request: string })[] = [];

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    installation = await install(controlPlane(), { env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    running = await installation.startPod();
    await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
    for (const phase of PHASES) await addEntry(phase, "everything", `/${phase}`, { rules: [EVERYTHING] });
    await waitUntil("everything is asked about", LIMIT_MS, async () => {
      await send({ method: "POST", path: "/api/v1/namespaces/default/secrets", body: objectOf("Secret") });
      return PHASES.every((phase) => seen().has(`${phase} CREATE secrets`));
    });
    await apply(controlPlane(), [objectOf("Namespace", "v1", NAMESPACE)]);
    await waitUntil("the namespace has its ServiceAccount", LIMIT_MS, async () => {
      return (await api.send({ method: "GET", path: `${CORE}/serviceaccounts/default` })).status === 200;
    });
    await apply(controlPlane(), oneOfEach(NAMESPACE));
    await waitUntilServed(controlPlane(), CUSTOM_RESOURCE);
    resources = await listResources(api);
    await inParallel(4, resources, visit);
    await send({ method: "POST", path: `${CORE}/secrets`, body: objectOf("Secret", "v1", "last") });
    await waitUntil("the log has caught up", LIMIT_MS, async () => reviews().some(({ name }) => name === "last"));
  });
  afterAll(async () => {
    api?.close();
    await installation?.stop();
  });

  /** Where the server listens, with failurePolicy Fail and no condition. */
  async function addEntry(phase: (typeof PHASES)[number], name: string, path: string, fields: object): Promise<void> {
    const text = await kubectlOrThrow(controlPlane(), ["get", CONFIGURATIONS[phase], "portcullis", "-o", "json"]);
    const configuration = JSON.parse(text);
    const [{ clientConfig, sideEffects, admissionReviewVersions }] = configuration.webhooks;
    configuration.webhooks.push({
      name: `${name}.${phase}.example.org`,
      clientConfig: { ...clientConfig, service: { ...clientConfig.service, path } },
      failurePolicy: "Fail",
      sideEffects,
      admissionReviewVersions,
      timeoutSeconds: 30,
      ...fields,
    });
    await kubectlOrThrow(controlPlane(), ["replace", "-f", "-"], JSON.stringify(configuration));
  }

  async function send(request: ApiRequest): Promise<ApiAnswer> {
    const isWrite = request.method !== "GET" && !request.path.includes("?");
    const answer = await api.send(isWrite ? { ...request, path: `${request.path}?dryRun=All` } : request);
    answers.push({ ...answer, request: `${request.method} ${request.path}` });
    return answer;
  }

  /** All operations on a resource. What the API server itself refuses, the mutating webhooks have seen before. */
  async function visit({ path, pathIn, apiVersion, kind, verbs }: KnownResource): Promise<void> {
    const can = (verb: string) => verbs.includes(verb);
    if (can("create")) await send({ method: "POST", path: pathIn(NAMESPACE), body: objectOf(kind, apiVersion) });
    if (can("deletecollection")) await send({ method: "DELETE", path: pathIn(NAMESPACE) });
    if (!can("list")) return;
    const { body } = await api.send({ method: "GET", path: `${path}?limit=1` });
    const [found] = body.items ?? [];
    if (!found) return;
    const { uid: _uid, resourceVersion: _version, ...metadata } = found.metadata;
    const there = pathIn(metadata.namespace);
    const copy = { ...found, apiVersion, kind, metadata: { ...metadata, name: `${metadata.name}-too` } };
    if (can("create")) await send({ method: "POST", path: there, body: copy });
    const one = `${there}/${metadata.name}`;
    const annotated = { metadata: { annotations: { toured: "yes" } } };
    if (can("patch")) await send({ method: "PATCH", path: one, body: annotated, contentType: MERGE_PATCH });
    if (can("delete")) await send({ method: "DELETE", path: one });
  }

  function reviews(): readonly Readonly<Record<string, string>>[] {
    const lines = running.server.stdout().split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "review");
  }

  /** `phase OPERATION resource/subresource`, of all that have got a verdict. */
  function seen(): ReadonlySet<string> {
    return new Set(
      reviews().map(({ phase, operation, resource, subResource }) => {
        return `${phase} ${operation} ${resource}${subResource === undefined ? "" : `/${subResource}`}`;
      }),
    );
  }

  /** All calls of webhooks that came to nothing, as the API server counts them. */
  async function countFailedCalls(): Promise<number> {
    const metrics = await kubectlOrThrow(controlPlane(), ["get", "--raw", "/metrics"]);
    const lines = metrics.split("\n").filter((line) => {
      return /^apiserver_admission_webhook_(rejection_count\{.*calling_webhook_error|fail_open_count\{)/.test(line);
    });
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** What the server has written about a review comes a moment after the review. */
  function waitForReview(key: string): Promise<void> {
    return waitUntil(key, LIMIT_MS, async () => PHASES.every((phase) => seen().has(`${phase} ${key}`)));
  }

  it.each(Object.entries(SUBRESOURCES))("F-51, F-52: is allowed without a patch: %s", async (key, request) => {
    const { status, body, warnings } = await send(request);
    expect(status, body.message).toBeLessThan(300);
    expect(warnings).toEqual([]);
    await waitForReview(key);
  });

  it.each(Object.entries(CONNECTIONS))("F-49: is let through: CONNECT %s", async (key, request) => {
    const { body } = await send(request);
    expect(body.message).not.toMatch(/webhook/);
    await waitForReview(`CONNECT ${key}`);
  });

  it("F-48, F-50: deletions are let through, of one object and of a collection", async () => {
    const own = `${CORE}/configmaps`;
    await api.send({ method: "POST", path: own, body: objectOf("ConfigMap") });
    expect((await api.send({ method: "DELETE", path: own })).status).toBe(200);
    expect((await api.send({ method: "DELETE", path: `${CORE}/pods/tour` })).status).toBe(200);
    const deletions = reviews().filter(({ operation }) => operation === "DELETE");
    expect(new Set(deletions.map(({ resource }) => resource)).size).toBeGreaterThan(40);
    expect(deletions.filter(({ verdict }) => verdict !== "skipped")).toEqual([]);
  });

  it("F-53: what no policy is about is let through, though it has neither labels nor a spec", async () => {
    const verdicts = reviews().filter(({ resource }) => resource === CUSTOM_RESOURCE);
    expect(new Set(verdicts.map(({ operation }) => operation))).toContain("CREATE");
    expect(verdicts.filter(({ verdict }) => verdict !== "allowed" && verdict !== "skipped")).toEqual([]);
  });

  it("G-2: every kind that can be made has been asked about, but for those that never are", () => {
    const made = resources.filter(({ verbs }) => verbs.includes("create")).map(({ name }) => name);
    const unseen = made.filter((name) => !seen().has(`mutate CREATE ${name}`));
    expect(new Set(unseen)).toEqual(new Set(NEVER_SENT));
    for (const operation of ["CREATE", "UPDATE", "DELETE"]) {
      expect([...seen()].filter((key) => key.startsWith(`validate ${operation} `)).length).toBeGreaterThan(40);
    }
    expect(reviews().filter(({ resource = "" }) => NEVER_SENT.includes(resource))).toEqual([]);
  });

  it("G-2: none of it was an error of ours", async () => {
    expect(answers.length).toBeGreaterThan(250);
    expect(answers.filter(({ body }) => /failed calling webhook/.test(body.message))).toEqual([]);
    expect(await countFailedCalls()).toBe(0);
    const metrics = await (await fetch(`http://${installation.clusterIp}:8080/metrics`)).text();
    expect(metrics).toMatch(/^portcullis_admission_reviews_total\{/m);
    expect(metrics.match(/^portcullis_admission_errors_total\{.*\} [^0].*/gm) ?? []).toEqual([]);
  });

  it("control: an error would be seen, by the user and in the count", async () => {
    const rules = [{ ...EVERYTHING, resources: ["secrets"] }];
    await addEntry("validate", "wrong", "/nowhere", { rules });
    await waitUntil("the call fails", LIMIT_MS, async () => {
      const { status, body } = await send({ method: "POST", path: `${CORE}/secrets`, body: objectOf("Secret") });
      return status === 500 && /failed calling webhook "wrong/.test(body.message);
    });
    expect(await countFailedCalls()).toBeGreaterThan(0);
  });
});
