/**
 * Objects as large as Kubernetes takes them, through the real API server: it writes `<` as six bytes, so what we are sent is up to
 * nine times of what etcd keeps. Judged they must be: what is too large for us would be nobody's to judge, or nobody's to write.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, install, waitUntil } from "../support/installation.ts";

const MIB = 1024 * 1024;
const NAMESPACE = "large";
/** What etcd takes is 1.5 MiB, what the API server reads 3 MiB: a little less, for what is in the object besides. */
const [MOST_STORED, MOST_SENT] = [1.49 * MIB, 2.99 * MIB];
const ANNOTATION = "backup.velero.io/backup-volumes";

const policyOf = (rule: string, params: object = {}) => ({
  apiVersion: "portcullis.dev/v1alpha1",
  kind: "Policy",
  metadata: { name: rule },
  spec: { rule, params },
});
const POLICIES = [
  // With a pattern, about which the API server can't be told in advance: every Deployment is sent.
  policyOf("required-labels", { labels: [{ anyOf: ["app"], allowedRegex: "[a-z]+" }] }),
  policyOf("velero-backup"),
];

describeCluster("objects as large as they get", (controlPlane) => {
  let api: ApiClient;
  let installation: Installation;
  let policyDir: string;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
    policyDir = mkdtempSync(join(tmpdir(), "portcullis-large-"));
    for (const policy of POLICIES)
      writeFileSync(join(policyDir, `${policy.metadata.name}.yaml`), JSON.stringify(policy));
    installation = await install(controlPlane(), { policyDir, env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    await installation.startPod();
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
    await waitUntil("the namespace has its ServiceAccount", 30_000, async () => {
      const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`;
      return (await api.send({ method: "GET", path })).status === 200;
    });
  });

  afterAll(async () => {
    api?.close();
    await installation?.stop();
    if (policyDir !== undefined) rmSync(policyDir, { recursive: true });
  });

  afterEach(async () => expect(await installation.isEnforcing()).toBe(true));

  const write = (method: "POST" | "PUT", body: ReturnType<typeof deploymentOf | typeof podOf>, dryRun: boolean) => {
    const path = pathOf(body.kind === "Pod" ? "pods" : "deployments.apps", NAMESPACE);
    const name = method === "PUT" ? `/${body.metadata.name}` : "";
    return api.send({ method, path: `${path}${name}${dryRun ? "?dryRun=All" : ""}`, body });
  };

  /** In time is within 2.5 s: a machine may be busy with other things, and the API server waits for 5 s. */
  async function countReviews() {
    const metrics = await (await fetch(`http://${installation.clusterIp}:8080/metrics`)).text();
    const sum = (pattern: RegExp) =>
      [...metrics.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0);
    return {
      reviewed: sum(/^portcullis_admission_reviews_total\{.*\} (\d+)$/gm),
      inTime: sum(/^portcullis_admission_review_duration_seconds_bucket\{.*le="2\.5".*\} (\d+)$/gm),
      failed: sum(/^portcullis_admission_errors_total\{.*\} (\d+)$/gm),
    };
  }

  /** One review, and a verdict in time. */
  async function judged<T>(run: () => Promise<T>): Promise<T> {
    const before = await countReviews();
    const result = await run();
    const { reviewed, inTime, failed } = before;
    expect(await countReviews()).toEqual({ reviewed: reviewed + 1, inTime: inTime + 1, failed });
    return result;
  }

  async function expectJudged(method: "POST" | "PUT", text: string): Promise<void> {
    const right = await judged(() => write(method, deploymentOf("large", "web", text), true));
    expect(right.status, right.body.message).toBe(method === "POST" ? 201 : 200);
    const wrong = await judged(() => write(method, deploymentOf("large", "WEB", text), true));
    expect(wrong.status).toBe(403);
    expect(wrong.body.message).toContain("LBL-VALUE");
  }

  it.each([
    ["99 kB", 99_000],
    ["101 kB", 101_000],
    ["1 MiB", MIB],
    ["2.9 MiB", 2.9 * MIB],
  ])("F-33: are judged as they are created: %s", (_size, length) => expectJudged("POST", "x".repeat(length)));

  it("F-34: are judged as they are created, of 1.4 MiB of <", () => expectJudged("POST", "<".repeat(1.4 * MIB)));

  it("F-34: are patched and stored, of 1.4 MiB of <", async () => {
    const text = "<".repeat(1.4 * MIB);
    const { status, body } = await write("POST", podOf("large", text), false);
    expect(status, body.message).toBe(201);
    expect(body.metadata.annotations[ANNOTATION]).toBe("data");
    expect(body.spec.containers[0].args[0] === text).toBe(true);
  });

  describe("are judged as they are updated", () => {
    it("F-35: from 1.4 MiB of < to as much", async () => {
      const text = "<".repeat(1.4 * MIB);
      expect((await write("POST", deploymentOf("large", "web", text), false)).status).toBe(201);
      await expectJudged("PUT", text);
    });

    it("F-36: from the most that is stored to the most that is sent, 27 MiB of a review", async () => {
      const stored = await write("PUT", deploymentOf("large", "web", "<".repeat(MOST_STORED)), false);
      expect(stored.status, stored.body.message).toBe(200);
      await expectJudged("PUT", "<".repeat(MOST_SENT));
    });
  });
});

function deploymentOf(name: string, app: string, text: string) {
  const { spec } = podOf(name, text);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels: { app } },
    spec: {
      // Or its controller would write to it, too.
      paused: true,
      replicas: 0,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec },
    },
  };
}

function podOf(name: string, text: string) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "web" } },
    spec: {
      containers: [
        { name: "web", image: "example.com/web:1", args: [text], volumeMounts: [{ name: "data", mountPath: "/data" }] },
      ],
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
    },
  };
}
