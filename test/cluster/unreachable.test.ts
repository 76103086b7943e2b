/** What users of the API see while the server is down, frozen, cut off, far away, or has a certificate that has expired. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type ApiClient, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { inParallel } from "../support/in-parallel.ts";
import {
  type Installation,
  kubectlOrThrow,
  POD_PORT,
  type PodOptions,
  type RunningPod,
  waitUntil,
} from "../support/installation.ts";
import { type Link, openLink } from "../support/link.ts";
import { installClosed } from "../support/restart-under-load.ts";
import { deployment, dryRunOf } from "../support/writes.ts";

const WEBHOOK = "validate.portcullis.dev";
const POD_ADDRESS = "127.0.0.1";
const LIMIT_MS = 30_000;
/** As it ships. The mutating webhook is not asked about Deployments. */
const TIMEOUT_MS = 5000;
/** What this machine may take longer, under load. */
const SLACK_MS = 5000;
const CLOSING = `--import=${new URL("../support/answer-and-close.ts", import.meta.url).href}`;

const auditPolicyPath = join(tmpdir(), `portcullis-unreachable-${process.pid}.yaml`);
const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", resources: [{ group: "apps", resources: ["deployments"] }] }, { level: "None" }],
};
writeFileSync(auditPolicyPath, JSON.stringify(auditPolicy));

describeCluster(
  "a server that can't be reached",
  (controlPlane) => {
    let installation: Installation;
    let api: ApiClient;
    let pod: RunningPod | undefined;
    let link: Link | undefined;

    beforeAll(async () => {
      installation = await installClosed(controlPlane());
      api = createApiClient(controlPlane());
    });
    afterEach(async () => {
      pod?.server.kill("SIGCONT");
      await pod?.stop();
      await link?.close();
      [pod, link] = [undefined, undefined];
      await setFailurePolicy("Fail");
    });
    afterAll(async () => {
      api?.close();
      await installation?.stop();
      rmSync(auditPolicyPath, { force: true });
    });

    const start = async (options: PodOptions = {}): Promise<RunningPod> => {
      pod = await installation.startPod(options);
      return pod;
    };
    /** With the link between the API server and the Pod. */
    const startFarAway = async (options: PodOptions = {}) => {
      const far = await start({ ...options, address: POD_ADDRESS });
      const { clusterIp: address, port } = installation;
      link = await openLink({ address, port, podAddress: POD_ADDRESS, podPort: POD_PORT });
      await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
      return { far, link };
    };
    const setFailurePolicy = (failurePolicy: "Fail" | "Ignore") => {
      const patch = JSON.stringify({ webhooks: [{ name: WEBHOOK, failurePolicy }] });
      const configuration = ["validatingwebhookconfiguration", "portcullis"];
      return kubectlOrThrow(controlPlane(), ["patch", ...configuration, "--type=strategic", "-p", patch]);
    };
    const write = async (labels: Readonly<Record<string, string>> = { app: "web" }) => {
      const startMs = performance.now();
      const { status, body } = await api.send(dryRunOf(deployment("web", labels)));
      return { status, message: String(body.message ?? ""), tookMs: performance.now() - startMs };
    };
    const waitForStatus = (status: number) =>
      waitUntil(`a write gets ${status}`, LIMIT_MS, async () => (await write()).status === status);
    /** What the audit log says of writes that were admitted unasked: the webhooks. */
    const failedOpen = (): readonly string[] =>
      readFileSync(controlPlane().auditLogPath, "utf8")
        .split("\n")
        .filter(Boolean)
        .flatMap((line) => Object.entries(JSON.parse(line).annotations ?? {}))
        .filter(([key]) => /^failed-open\.validating\.webhook\.admission\.k8s\.io\/round_0_index_\d+$/.test(key))
        .map(([, webhook]) => String(webhook));

    it("F-109: that is down is an error at once with Fail, and a word in the audit log with Ignore", async () => {
      const { server } = await start();
      await waitForStatus(201);
      server.kill("SIGKILL");
      await server.exited;
      const { status, message, tookMs } = await write();
      expect({ status, message }).toEqual({
        status: 500,
        message: expect.stringMatching(/failed calling webhook "validate\.portcullis\.dev": .*connection refused/),
      });
      expect(tookMs).toBeLessThan(TIMEOUT_MS / 2);
      expect(failedOpen()).toEqual([]);

      await setFailurePolicy("Ignore");
      await waitForStatus(201);
      const admitted = await write({});
      expect(admitted.status).toBe(201);
      expect(admitted.tookMs).toBeLessThan(TIMEOUT_MS / 2);
      expect(failedOpen()).toContain(WEBHOOK);
    });

    const faults: readonly [string, (far: RunningPod, link: Link) => void, (far: RunningPod, link: Link) => void][] = [
      ["that is frozen", ({ server }) => server.kill("SIGSTOP"), ({ server }) => server.kill("SIGCONT")],
      ["that no packet reaches", (_, line) => line.behave({ isCut: true }), (_, line) => line.behave({})],
    ];
    it.each(faults)(
      "F-110: %s is an error after timeoutSeconds with Fail, and costs as much with Ignore",
      { timeout: 120_000 },
      async (_name, begin, end) => {
        const { far, link } = await startFarAway();
        begin(far, link);
        const refused = await write();
        expect(refused).toMatchObject({ status: 500, message: expect.stringContaining(`webhook "${WEBHOOK}"`) });
        expect(refused.message).toMatch(/context deadline exceeded|Client\.Timeout|i\/o timeout/);
        expect(refused.tookMs).toBeGreaterThan(TIMEOUT_MS - 100);
        expect(refused.tookMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);

        await setFailurePolicy("Ignore");
        await waitForStatus(201);
        const admitted = await write({});
        expect(admitted.status).toBe(201);
        expect(admitted.tookMs).toBeGreaterThan(TIMEOUT_MS - 100);
        expect(admitted.tookMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);

        end(far, link);
        await setFailurePolicy("Fail");
        await waitUntil("writes are judged again", LIMIT_MS, async () => (await write({})).status === 403);
        expect((await write()).status).toBe(201);
      },
    );

    it("F-115: that is 200 ms away, over a line that loses one packet in a hundred, judges every write in time", async () => {
      const { link } = await startFarAway({ env: { NODE_OPTIONS: CLOSING } });
      link.behave({ delayMs: 100, losesOneIn: 100 });
      const before = link.counts();
      const writes = Array.from({ length: 60 }, (_, index) => (index % 5 === 0 ? {} : { app: "web" }));
      const outcomes = await inParallel(6, writes, write);
      expect(outcomes.map(({ status }) => status)).toEqual(writes.map(({ app }) => (app === undefined ? 403 : 201)));
      const { connections, lost } = link.counts();
      // Each call has shaken hands, there and back twice; and some of it was lost.
      expect(connections - before.connections).toBeGreaterThanOrEqual(writes.length);
      expect(lost - before.lost).toBeGreaterThan(0);
      expect(Math.min(...outcomes.map(({ tookMs }) => tookMs))).toBeGreaterThan(400);

      link.behave({ delayMs: TIMEOUT_MS / 2 });
      expect((await write()).status, "control: too far away is as good as down").toBe(500);
    });

    it("F-99: whose certificate has expired is an error with Fail, and admitted with Ignore", async () => {
      const { server } = await start({ env: { CERT_VALIDITY: "20s" } });
      const probe = async (path: string) => await (await fetch(`http://${installation.clusterIp}:8080${path}`)).text();
      await waitUntil("it is not ready any more", 60_000, async () => (await probe("/readyz")) !== "ok\n");
      expect(await probe("/readyz")).toMatch(/^not ready: the certificate expired at /);
      const [, notAfter] =
        /^portcullis_certificate_not_after_seconds\{kind="leaf"\} (\d+)$/m.exec(await probe("/metrics")) ?? [];
      expect(Number(notAfter) * 1000).toBeLessThan(Date.now());

      const { status, message } = await write();
      expect({ status, message }).toEqual({
        status: 500,
        message: expect.stringMatching(/x509: certificate has expired or is not yet valid/),
      });
      await setFailurePolicy("Ignore");
      await waitForStatus(201);
      expect((await write({})).status).toBe(201);
      server.kill("SIGTERM");
      expect((await server.exited).status).toBe(0);
    });
  },
  { auditPolicyPath },
);
