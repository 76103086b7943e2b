/** What others do to webhooks: Secrets among the rules of ours, and a slow webhook of their own before it. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, kubectlOrThrow, type RunningPod, waitUntil } from "../support/installation.ts";
import { openLink } from "../support/link.ts";
import { startRecordingWebhook } from "../support/recording-webhook.ts";
import { installClosed } from "../support/restart-under-load.ts";
import { deployment, dryRunOf, LOADED_NAMESPACE } from "../support/writes.ts";

const LIMIT_MS = 30_000;
const KINDS = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];
const MARK = "hunter2-of-the-secret";
const MARKS = [MARK, Buffer.from(MARK).toString("base64")];
const TELLING = `--import=${new URL("../support/tell-urls.ts", import.meta.url).href}`;

const auditPolicyPath = join(tmpdir(), `portcullis-secrets-${process.pid}.yaml`);
writeFileSync(
  auditPolicyPath,
  JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules: [{ level: "Metadata" }] }),
);

describeCluster(
  "with a server at the log level trace",
  (controlPlane) => {
    let installation: Installation;
    let pod: RunningPod;
    let api: ApiClient;
    beforeAll(async () => {
      installation = await installClosed(controlPlane());
      api = createApiClient(controlPlane());
      pod = await installation.startPod({ env: { LOG_LEVEL: "trace", NODE_OPTIONS: TELLING } });
      await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
    });
    afterAll(async () => {
      api?.close();
      await installation?.stop();
      rmSync(auditPolicyPath, { force: true });
    });

    const sendSecret = (method: "POST" | "PUT", secret: object, name = ""): Promise<ApiAnswer> =>
      api.send({ method, path: `${pathOf("secrets", LOADED_NAMESPACE)}${name}`, body: secret });

    it("F-116: Secrets that somebody has added to the rules leave no byte of their data anywhere", async () => {
      const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["secrets"], scope: "*" };
      for (const kind of KINDS) {
        const patch = JSON.stringify([{ op: "add", path: "/webhooks/0/rules/-", value: rule }]);
        await kubectlOrThrow(controlPlane(), ["patch", kind, "portcullis", "--type=json", "-p", patch]);
      }
      const secret = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: "credentials",
          annotations: { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({ stringData: MARK }) },
        },
        data: { [MARK]: Buffer.from(MARK).toString("base64") },
        stringData: { password: MARK },
      };
      const reviewed = () =>
        pod.server
          .stdout()
          .split("\n")
          .filter((line) => line.includes('"resource":"secrets"'))
          .map((line) => JSON.parse(line));
      const answers: ApiAnswer[] = [];
      await waitUntil("a Secret is sent", LIMIT_MS, async () => {
        answers.push(await sendSecret("POST", { ...secret, metadata: { generateName: "probe-" } }));
        return reviewed().length > 0;
      });
      answers.push(
        await sendSecret("POST", secret),
        await sendSecret("PUT", { ...secret, stringData: { password: `${MARK}!` } }, "/credentials"),
      );
      await kubectlOrThrow(controlPlane(), ["delete", "secret", "credentials", "-n", LOADED_NAMESPACE]);

      const seen = reviewed().map(({ phase, operation, verdict }) => `${phase} ${operation} ${verdict}`);
      for (const phase of ["mutate", "validate"]) {
        for (const operation of ["CREATE", "UPDATE", "DELETE"]) {
          expect(seen).toContainEqual(expect.stringMatching(`^${phase} ${operation} (allowed|skipped)$`));
        }
      }
      expect(answers.map(({ status }) => status).filter((status) => status >= 300)).toEqual([]);
      const metrics = await (await fetch(`http://${installation.clusterIp}:8080/metrics`)).text();
      expect(metrics).toContain('resource="other"');
      const said = [pod.server.stdout(), pod.server.stderr(), metrics, JSON.stringify(answers.map((a) => a.warnings))];
      said.push(readFileSync(controlPlane().auditLogPath, "utf8"));
      for (const mark of MARKS) expect(said.filter((text) => text.includes(mark))).toEqual([]);
    });

    it("F-117: a slow webhook before ours leaves it what is left, which is enough", async () => {
      const webhook = await startRecordingWebhook();
      const { url, caBundle } = webhook.clientConfigOf("/slow");
      const link = await openLink({
        address: "127.0.0.1",
        port: 0,
        podAddress: "127.0.0.1",
        podPort: Number(new URL(url).port),
      });
      const name = "a-slow-one.example.org";
      const configuration = {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "MutatingWebhookConfiguration",
        metadata: { name },
        webhooks: [
          {
            name,
            clientConfig: { url: url.replace(/:\d+/, `:${link.port}`), caBundle },
            rules: [{ apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["deployments"] }],
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": LOADED_NAMESPACE } },
            failurePolicy: "Fail",
            sideEffects: "None",
            timeoutSeconds: 30,
            admissionReviewVersions: ["v1"],
          },
        ],
      };
      await apply(controlPlane(), [configuration]);
      const write = (labels: Readonly<Record<string, string>>) => {
        const request = dryRunOf(deployment("web", labels));
        return api.send({ ...request, path: `${request.path}&timeout=8s` });
      };
      await waitUntil("it is asked", LIMIT_MS, async () => {
        await write({ app: "web" });
        return webhook.requestsOn("/slow").length > 0;
      });

      // There and back on the connection that there is by now: six of eight seconds.
      link.behave({ delayMs: 3000 });
      const before = pod.server.stderr().length;
      expect((await write({ app: "web" })).status).toBe(201);
      expect((await write({})).status).toBe(403);
      const told = pod.server
        .stderr()
        .slice(before)
        .split("\n")
        .filter((line) => line.startsWith("/validate"));
      expect(told).toHaveLength(2);
      // Of the five seconds that it may take otherwise.
      for (const line of told) expect(line).toMatch(/^\/validate\?timeout=[12]s$/);

      await kubectlOrThrow(controlPlane(), ["delete", "mutatingwebhookconfiguration", name]);
      await Promise.all([link.close(), webhook.close()]);
    }, 90_000);
  },
  { auditPolicyPath },
);
