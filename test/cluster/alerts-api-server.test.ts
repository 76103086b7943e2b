/**
 * The alerts that only an API server's own metrics can tell: a real Prometheus scrapes a real one, and its calls fail. As in
 * test/monitoring/alerts-fire.test.ts the rules are copies in a hurry.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readSource } from "../meta/source-files.ts";
import { filledIn, isOfApiServer, queries } from "../monitoring/dashboard.ts";
import { type Prometheus, startPrometheus } from "../monitoring/prometheus.ts";
import { hasPrometheus, WITHOUT } from "../monitoring/promtool.ts";
import { scaledDown } from "../monitoring/rules.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import type { ControlPlane } from "../support/control-plane/start.ts";
import { type Installation, kubectlOrThrow, type RunningPod, waitUntil } from "../support/installation.ts";
import { samplesOf } from "../support/promql.ts";
import { installClosed } from "../support/restart-under-load.ts";
import { deployment, dryRunOf, LOADED_NAMESPACE } from "../support/writes.ts";

const [RANGE, WAIT] = ["4s", "1s"];
const LIMIT_MS = 60_000;
const POD_WITH_CLAIM = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", labels: { app: "web" } },
  spec: {
    containers: [
      { name: "web", image: "registry.example.com/web:1", volumeMounts: [{ name: "data", mountPath: "/data" }] },
    ],
    volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
  },
};
const WATCHED = ["PortcullisWritesFailing", "PortcullisNotEnforcing", "PortcullisFailOpen"];

if (!hasPrometheus)
  describe.skip(`alerts of the API server's metrics (${WITHOUT})`, () => it("fire and clear", () => {}));
else {
  describeCluster("alerts of the API server's metrics", (controlPlane) => {
    let directory: string;
    let installation: Installation;
    let api: ApiClient;
    let pod: RunningPod;
    let prometheus: Prometheus;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "portcullis-alerts-"));
      installation = await installClosed(controlPlane());
      api = createApiClient(controlPlane());
      pod = await installation.startPod();
      await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
      const server = {
        job: "portcullis",
        address: `${installation.clusterIp}:8080`,
        labels: { namespace: "portcullis", pod: "a" },
      };
      prometheus = await startPrometheus(
        [server, apiServerTarget(controlPlane(), join(directory, "ca.crt"))],
        scaledDown(RANGE, WAIT),
      );
    });
    afterAll(async () => {
      await prometheus?.stop();
      api?.close();
      await installation?.stop();
      rmSync(directory, { recursive: true });
    });

    /** One that is judged, and one that is patched before. */
    async function write(): Promise<number> {
      await api.send({ method: "POST", path: `${pathOf("pods", LOADED_NAMESPACE)}?dryRun=All`, body: POD_WITH_CLAIM });
      return (await api.send(dryRunOf(deployment("web", { app: "web" })))).status;
    }
    const firing = async () =>
      (await prometheus.firing()).map(({ name }) => name).filter((name) => WATCHED.includes(name));
    async function waitFor(what: string, isSo: (names: ReadonlySet<string>) => boolean): Promise<void> {
      await waitUntil(what, LIMIT_MS, async () => {
        await write();
        return isSo(new Set(await firing()));
      });
    }
    const waitForNone = () => waitFor("none fires", (names) => names.size === 0);
    async function setFailurePolicy(failurePolicy: string): Promise<void> {
      for (const kind of ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"]) {
        const { webhooks } = JSON.parse(
          await kubectlOrThrow(controlPlane(), ["get", kind, "portcullis", "-o", "json"]),
        );
        const patch = JSON.stringify({ webhooks: webhooks.map(({ name }: Named) => ({ name, failurePolicy })) });
        await kubectlOrThrow(controlPlane(), ["patch", kind, "portcullis", "--type=strategic", "-p", patch]);
      }
    }
    const validateAt = (path: string) => {
      const { namespace, port } = installation;
      const clientConfig = { service: { name: "portcullis", namespace, path, port } };
      const patch = JSON.stringify({ webhooks: [{ name: "validate.portcullis.dev", clientConfig }] });
      const configuration = ["validatingwebhookconfiguration", "portcullis"];
      return kubectlOrThrow(controlPlane(), ["patch", ...configuration, "--type=strategic", "-p", patch]);
    };

    it("don't fire while calls get verdicts, refusals too", async () => {
      await waitUntil("there is an account for Pods", LIMIT_MS, async () => {
        const { stdout } = await controlPlane().kubectl(["get", "serviceaccount", "default", "-n", LOADED_NAMESPACE]);
        return stdout !== "";
      });
      expect(await write()).toBe(201);
      await waitUntil("verdicts are counted", LIMIT_MS, async () => {
        expect((await api.send(dryRunOf(deployment("web", {})))).status).toBe(403);
        await write();
        const query = 'sum(increase(apiserver_admission_webhook_rejection_count{error_type="no_error"}[4s]))';
        return Number((await prometheus.query(query))[0]?.value[1]) > 0;
      });
      expect(await firing()).toEqual([]);
    });

    it("PortcullisWritesFailing fires where calls fail with Fail, alone, and clears", {
      timeout: 3 * LIMIT_MS,
    }, async () => {
      await validateAt("/nowhere");
      await waitFor("it fires", (names) => names.has("PortcullisWritesFailing"));
      expect(await write()).toBe(500);
      expect(await firing()).toEqual(["PortcullisWritesFailing"]);
      await validateAt("/validate");
      await waitForNone();
    });

    it("PortcullisFailOpen fires where calls fail with Ignore, alone, and clears", {
      timeout: 3 * LIMIT_MS,
    }, async () => {
      await setFailurePolicy("Ignore");
      await validateAt("/nowhere");
      await waitFor("it fires", (names) => names.has("PortcullisFailOpen"));
      expect(await write()).toBe(201);
      // Patches are made still: something is enforced, however long it lasts.
      const until = performance.now() + 7000;
      while (performance.now() < until) {
        await write();
        expect(await firing()).not.toContain("PortcullisNotEnforcing");
      }
      await validateAt("/validate");
      await waitForNone();
    });

    it("PortcullisNotEnforcing fires where no call gets a verdict, and clears", { timeout: 3 * LIMIT_MS }, async () => {
      pod.server.kill("SIGKILL");
      await waitFor("it fires", (names) => names.has("PortcullisNotEnforcing"));
      await installation.startPod();
      await waitForNone();
      await setFailurePolicy("Fail");
    });

    it.each(queries.filter(isOfApiServer))("the dashboard's $panel: $expr has data", async ({ expr }) => {
      expect((await prometheus.query(filledIn(expr, "5m", "5m"))).length).toBeGreaterThan(0);
    });

    it("the recorded metrics are those of this API server, label by label", async () => {
      const real = samplesOf(await kubectlOrThrow(controlPlane(), ["get", "--raw", "/metrics"]));
      const recorded = samplesOf(readSource("test/monitoring/api-server.prom"));
      expect(recorded.length).toBeGreaterThan(3);
      for (const { name, labels } of recorded) {
        const found = real.filter(
          (sample) =>
            sample.name === name &&
            sample.labels.error_type === labels.error_type &&
            sample.labels.type === labels.type,
        );
        expect(
          found.map((sample) => Object.keys(sample.labels).sort()),
          name,
        ).toContainEqual(Object.keys(labels).sort());
      }
    });
  });
}

interface Named {
  readonly name: string;
}

function apiServerTarget({ serverUrl, caPem, kubeconfigPath }: ControlPlane, caFile: string) {
  writeFileSync(caFile, caPem);
  const { token } = parse(readFileSync(kubeconfigPath, "utf8")).users[0].user;
  return {
    job: "apiserver",
    address: new URL(serverUrl).host,
    labels: {},
    options: { scheme: "https", authorization: { credentials: token }, tls_config: { ca_file: caFile } },
  };
}
