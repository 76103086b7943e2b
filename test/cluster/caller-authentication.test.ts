/**
 * docs/caller-authentication.md on real API servers: its commands make the certificates, its files configure one API server and not
 * the other, its kustomization the server; and what users and strangers get has to be what stands there.
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readServerConfig } from "../../src/config.ts";
import * as page from "../meta/pages/caller-authentication.ts";
import { type ApiClient, createApiClient } from "../support/api-client.ts";
import { type ClientPair, createClientCa } from "../support/client-certificates.ts";
import { describeCluster } from "../support/cluster.ts";
import { findAssets } from "../support/control-plane/find-assets.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { type Installation, kubectlOrThrow, type RunningPod, waitUntil } from "../support/installation.ts";
import { callWhile } from "../support/load.ts";
import { missingFromMetrics } from "../support/promql.ts";
import { installClosed } from "../support/restart-under-load.ts";
import { bytesOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { deployment, dryRunOf, LOADED_NAMESPACE, SHIPPED_WRITES } from "../support/writes.ts";

const LIMIT_MS = 30_000;
const WEBHOOK = "validate.portcullis.dev";
const MARKER = "marker-of-the-object";
/** Every call shakes hands, and so shows a certificate or not. */
const CLOSING = `--import=${new URL("../support/answer-and-close.ts", import.meta.url).href}`;

const directory = mkdtempSync(join(tmpdir(), "portcullis-callers-"));
const assets = findAssets(process.env, describeThisMachine());
const files = page.pageFilesIn(directory, assets.found ? assets.path : "");
files.writeOtherAdmission();

describeCluster(
  "docs/caller-authentication.md",
  (controlPlane) => {
    const clients: ApiClient[] = [];
    const caFile = join(directory, "ca.crt");
    let first: string;
    let installation: Installation;
    let pod: RunningPod;
    let overlay: page.Overlay;
    let unconfigured: ApiClient;
    let configured: ApiClient;

    const write = async (api: ApiClient, labels: Readonly<Record<string, string>>) => {
      const { status, body } = await api.send(dryRunOf(deployment("web", labels)));
      return { status, message: String(body.message ?? "") };
    };
    const asks = (api: ApiClient) =>
      waitUntil("the API server asks", LIMIT_MS, async () => (await write(api, {})).status !== 201);
    const readMetrics = async () => (await fetch(`http://${installation.clusterIp}:8080/metrics`)).text();
    const refused = async (reason: string) => {
      const sample = new RegExp(`^portcullis_callers_refused_total\\{reason="${reason}"\\} (\\d+)$`, "m");
      return Number(sample.exec(await readMetrics())?.[1] ?? 0);
    };
    const countLoads = () => pod.server.stdout().split("callers are known by the new CLIENT_CA_FILE").length;
    /** As the kubelet does: the old file or the new one, nothing between. */
    const writeClientCa = (...certificates: readonly string[]): void => {
      writeFileSync(`${caFile}.new`, certificates.map((made) => readFileSync(join(made, "ca.crt"))).join(""));
      renameSync(`${caFile}.new`, caFile);
    };
    const replaceClientCa = async (...certificates: readonly string[]): Promise<void> => {
      const before = countLoads();
      writeClientCa(...certificates);
      await waitUntil("the server has read it", LIMIT_MS, async () => countLoads() > before);
    };
    const setFailurePolicy = async (failurePolicy: "Fail" | "Ignore", status: number): Promise<void> => {
      const patch = JSON.stringify({ webhooks: [{ name: WEBHOOK, failurePolicy }] });
      const configuration = ["validatingwebhookconfiguration", "portcullis"];
      await kubectlOrThrow(controlPlane(), ["patch", ...configuration, "--type=strategic", "-p", patch]);
      await waitUntil(`it gets ${status}`, LIMIT_MS, async () => (await write(unconfigured, {})).status === status);
    };
    /** As any Pod could ask the server itself. */
    const ask = async (pair: Partial<ClientPair> = {}) => {
      const { clusterIp: host, port } = installation;
      const headers = { "Content-Type": "application/json" };
      const stranger: RequestOptions = { host, port, rejectUnauthorized: false, agent: false, headers };
      const certificate = { cert: pair.certPem, key: pair.keyPem };
      const sent = httpsRequest({ ...stranger, ...certificate, method: "POST", path: "/validate" });
      sent.end(bytesOf(reviewOf(requestOf({ object: { metadata: { name: MARKER } } }))));
      const [response] = await once(sent, "response");
      return { status: response.statusCode, body: await text(response) };
    };

    beforeAll(async () => {
      first = files.makeCertificates("first");
      overlay = files.renderOverlay(first);
      writeClientCa(first);
      installation = await installClosed(controlPlane());
      const { CLIENT_NAMES = "" } = overlay.env;
      pod = await installation.startPod({ env: { CLIENT_CA_FILE: caFile, CLIENT_NAMES, NODE_OPTIONS: CLOSING } });
      unconfigured = createApiClient(controlPlane());
      clients.push(unconfigured);
      await asks(unconfigured);
      files.writeKubeconfig(first, installation.port === 443 ? undefined : installation.port);
      files.writeAdmission();
      configured = createApiClient({ ...controlPlane(), ...(await controlPlane().startSecondApiServer()) });
      clients.push(configured);
      await asks(configured);
    });
    afterAll(async () => {
      for (const client of clients) client.close();
      await installation?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    it("the kustomization gives the server settings that it takes, and mounts the file that they name", () => {
      const { clientCaFile, clientNames } = readServerConfig(overlay.env);
      expect(overlay.mounted).toEqual([clientCaFile]);
      expect(clientNames).toEqual(["kube-apiserver"]);
    });

    it("F-19, G-20: an API server with the page's files gets its verdicts", async () => {
      const before = await readMetrics();
      expect(await write(configured, { app: "web" })).toEqual({ status: 201, message: "" });
      expect(await write(configured, {})).toEqual({
        status: 403,
        message: expect.stringMatching(
          /^admission webhook "validate\.portcullis\.dev" denied the request: LBL-MISSING /,
        ),
      });
      const samples = (metrics: string) => metrics.match(/^portcullis_callers_refused_total.*$/gm);
      expect(samples(await readMetrics())).toEqual(samples(before));
    });

    it("F-19: one without them gets none: with Fail the user reads why, with Ignore the object is admitted", async () => {
      const before = await refused("no-certificate");
      const file = join(directory, "web.yaml");
      const web = { ...deployment("web", { app: "web" }), metadata: { name: "web", namespace: LOADED_NAMESPACE } };
      writeFileSync(file, JSON.stringify(web));
      const { stderr } = await controlPlane().kubectl(["create", "--dry-run=server", "-f", file]);
      expect(stderr.replace(file, "web.yaml")).toBe(page.SEEN_BY_USERS);
      expect(await refused("no-certificate")).toBe(before + 1);

      await setFailurePolicy("Ignore", 201);
      expect(await refused("no-certificate")).toBeGreaterThan(before + 1);
      expect((await write(configured, {})).status, "the other one goes on").toBe(403);
      await setFailurePolicy("Fail", 500);
    });

    it("F-19: and that is in the metrics and in the log, as the page says", async () => {
      const metrics = await readMetrics();
      expect(missingFromMetrics(page.ALERT, metrics)).toEqual([]);
      expect(missingFromMetrics(page.ALERT.replace("(reason)", "(why)"), metrics), "control").toEqual(["why"]);
      const comparable = (line: string) => ({ ...JSON.parse(line), time: "", remoteAddress: "" });
      const lines = pod.server.stdout().trimEnd().split("\n");
      expect(lines.map(comparable)).toContainEqual(comparable(page.LOG_LINE));
    });

    it("G-20: a stranger gets 401 and nothing about the object, whatever certificate it has", async () => {
      const strangers: readonly [string, ClientPair | undefined][] = [
        ["no-certificate", undefined],
        ["untrusted", createClientCa().issue("kube-apiserver")],
      ];
      for (const [reason, pair] of strangers) {
        const before = await refused(reason);
        expect(await ask(pair)).toEqual({ status: 401, body: page.REFUSED_BODY });
        expect(await refused(reason)).toBe(before + 1);
      }
      expect(pod.server.stdout()).not.toContain(MARKER);
      const answer = await ask(page.pairIn(first));
      expect(answer, "control: who has the API server's is answered").toMatchObject({ status: 200 });
      expect(answer.body).toContain(UID);
    });

    it("G-20: the CA is replaced in the page's three steps, and no call fails", { timeout: 180_000 }, async () => {
      const second = files.makeCertificates("second");
      const load = { clients: [configured], writes: SHIPPED_WRITES, ratePerSecond: 10, minCalls: 50 };
      const report = await callWhile(load, async () => {
        await replaceClientCa(first, second);
        // One API server after the other: this one has the new certificate, while the other goes on with the old one.
        files.writeKubeconfig(second, installation.port);
        await controlPlane().restartApiServer();
        await waitUntil("this one is known too", LIMIT_MS, async () => (await write(unconfigured, {})).status === 403);
      });
      expect([...report.failures]).toEqual([]);
      expect(new Set(report.verdicts.keys())).toEqual(new Set(["labelled: admitted", "unlabelled: refused"]));

      const before = await refused("untrusted");
      await replaceClientCa(second);
      expect((await write(unconfigured, { app: "web" })).status).toBe(201);
      expect((await write(unconfigured, {})).status).toBe(403);
      expect((await write(configured, { app: "web" })).status, "control: the old certificate is out").toBe(500);
      expect(await refused("untrusted")).toBe(before + 1);
    });

    if (!page.hasOpenssl) it.skip("the page's commands make the certificates (there is no OpenSSL 3)");
  },
  { extraApiServerFlags: files.apiServerFlags },
);
