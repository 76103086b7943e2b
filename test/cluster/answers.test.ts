/** What becomes of odd objects by way of a real API server: what the user is told, what is stored, and what the audit log keeps. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, install, type RunningPod, waitUntil } from "../support/installation.ts";
import {
  BACKUP_VOLUMES,
  ingressWith,
  NAMESPACES,
  namespaceOf,
  podWithClaims,
  podWithEnv,
  writePolicies,
} from "../support/refused-and-warned.ts";

const LIMIT_MS = 30_000;
const MARK = "portcullis.dev/backup-volumes";
const directory = mkdtempSync(join(tmpdir(), "portcullis-answers-"));
const auditPolicyPath = join(directory, "audit-policy.json");
writeFileSync(
  auditPolicyPath,
  JSON.stringify({
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Request", verbs: ["create"], namespaces: NAMESPACES }, { level: "None" }],
  }),
);

describeCluster(
  "an answer",
  (controlPlane) => {
    let api: ApiClient;
    let installation: Installation;
    let running: RunningPod;

    beforeAll(async () => {
      api = createApiClient(controlPlane());
      await apply(controlPlane(), NAMESPACES.map(namespaceOf));
      const policyDir = mkdtempSync(join(directory, "policies-"));
      writePolicies(policyDir);
      installation = await install(controlPlane(), { policyDir, env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
      running = await installation.startPod();
      await waitUntil("the canary is refused", LIMIT_MS, () => installation.isEnforcing());
      await waitUntil("every namespace has its ServiceAccount", LIMIT_MS, async () => {
        const answers = NAMESPACES.map((name) =>
          api.send({ method: "GET", path: `${pathOf("serviceaccounts", name)}/default` }),
        );
        return (await Promise.all(answers)).every(({ status }) => status === 200);
      });
    });
    afterAll(async () => {
      api?.close();
      await installation?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    const create = (body: object, resource = "pods", namespace = "refused"): Promise<ApiAnswer> =>
      api.send({ method: "POST", path: pathOf(resource, namespace), body });

    /** The annotations of the event that tells of the creation of `name`. */
    function auditOf(name: string): Readonly<Record<string, string>> {
      const events = readFileSync(controlPlane().auditLogPath, "utf8").split("\n").slice(0, -1);
      const found = events.map((line) => JSON.parse(line)).find(({ objectRef }) => objectRef?.name === name);
      return found?.annotations ?? {};
    }

    describe("to a Pod with a claim stores one change, and in the audit log it is one operation", () => {
      const whole = { [BACKUP_VOLUMES]: "data", [MARK]: "generated" };
      const leaf = (key: string, value: string) => ({
        op: "add",
        path: `/metadata/annotations/${key.replace("/", "~1")}`,
        value,
      });
      const leaves = Object.entries(whole).map(([key, value]) => leaf(key, value));

      it.each<[string, object, object, readonly object[]]>([
        ["absent", {}, whole, [{ op: "add", path: "/metadata/annotations", value: whole }]],
        ["null", { annotations: null }, whole, [{ op: "add", path: "/metadata/annotations", value: whole }]],
        ["empty", { annotations: {} }, whole, [{ op: "add", path: "/metadata/annotations", value: whole }]],
        ["others", { annotations: { "a.dev/b": "c" } }, { "a.dev/b": "c", ...whole }, leaves],
        ["half-there", { annotations: { [MARK]: "generated" } }, whole, leaves.slice(0, 1)],
        ["right", { annotations: whole }, whole, []],
        ["user-s-own", { annotations: { [BACKUP_VOLUMES]: "data" } }, { [BACKUP_VOLUMES]: "data" }, []],
      ])("F-70, F-71: whose annotations are %s", async (name, metadata, stored, patch) => {
        expect((await create(podWithClaims(name, ["data"], metadata))).status).toBe(201);
        const { body } = await api.send({ method: "GET", path: `${pathOf("pods", "refused")}/${name}` });
        expect(body.metadata.annotations).toEqual(stored);
        const annotations = auditOf(name);
        const mutation = { configuration: "portcullis", webhook: "mutate.portcullis.dev", mutated: patch.length > 0 };
        const asked = annotations["mutation.webhook.admission.k8s.io/round_0_index_0"];
        // A list that is right already isn't even sent.
        if (asked !== undefined || patch.length > 0) expect(JSON.parse(asked ?? "{}")).toEqual(mutation);
        const patched = annotations["patch.webhook.admission.k8s.io/round_0_index_0"];
        expect(patched === undefined ? [] : JSON.parse(patched).patch).toEqual(patch);
      });
    });

    it.each<[string, unknown, number]>([
      ["empty", "", 403],
      ["64 characters long", "a".repeat(64), 422],
      ["of characters that a label can't have", "wéb \n", 422],
      ["a number", 5, 400],
      ["an object", {}, 400],
    ])(
      "F-58: to a label's value that is %s is ours or the API server's, never a failed call",
      async (_name, app, status) => {
        const pod = podWithClaims("odd-label", ["data"], { labels: { app } });
        const { status: answered, body } = await create(pod);
        expect(answered, body.message).toBe(status);
        expect(body.message).not.toContain("failed calling webhook");
        // What ADR 2 calls a broken contract never arrives by way of an API server.
        const metrics = await (await fetch(`http://${installation.clusterIp}:8080/metrics`)).text();
        expect(metrics.match(/^portcullis_admission_errors_total\{.*\} [^0].*/gm) ?? []).toEqual([]);
      },
    );

    it("F-59: to a Pod whose name is being generated is in the words of any other", async () => {
      const { metadata: _, ...pod } = podWithClaims("", []);
      const generated = await create({ ...pod, metadata: { generateName: "web-" } });
      const named = await create({ ...pod, metadata: { name: "web-named" } });
      expect(generated.status).toBe(403);
      expect(generated.body.message).toMatch(/LBL-MISSING metadata\.labels: label "app" is missing/);
      expect(generated.body.message).toBe(named.body.message);
    });

    it("F-68: to a mirror Pod is none at all", async () => {
      const mirror = { "kubernetes.io/config.mirror": "0d8f" };
      const pod = podWithClaims("static", [], { labels: {}, annotations: mirror }, { nodeName: "control-plane" });
      const { status, body, warnings } = await create(pod);
      expect({ status, warnings }, body.message).toEqual({ status: 201, warnings: [] });
      expect(body.metadata.annotations).toEqual(mirror);
      expect((await create({ ...pod, metadata: { name: "not-static" } })).status, "control").toBe(403);
    });

    it("F-75: to a Pod with a thousand claims names them all", async () => {
      const names = Array.from({ length: 1000 }, (_, index) => `volume-${index}`);
      const { status, body } = await create(podWithClaims("large", names));
      expect(status, body.message).toBe(201);
      expect(body.metadata.annotations[BACKUP_VOLUMES]).toBe(names.join(","));
    });

    it("F-75: to a Pod that misspells a thousand claims is short", async () => {
      const names = Array.from({ length: 1000 }, (_, index) => `volume-${index}`);
      const annotations = { [BACKUP_VOLUMES]: names.map((name) => `${name}x`).join(",") };
      const { status, body } = await create(podWithClaims("misspelt", names, { annotations }));
      expect({ status, details: body.details.causes.length }).toEqual({ status: 403, details: 50 });
      expect(body.message.length).toBeLessThan(4200);
    });

    it("F-76: with hundreds of warnings has some of them, whole and readable", async () => {
      const env = Array.from({ length: 200 }, (_, index) => ({
        name: `PASSWORD_${index}_${"X".repeat(200)}`,
        value: "hunter2",
      }));
      const { status, warnings } = await create(podWithEnv("talkative", env), "pods", "warned");
      expect(status).toBe(201);
      expect(warnings.length).toBeGreaterThan(1);
      expect(warnings.length).toBeLessThanOrEqual(10);
      // Headers are read as Latin-1, and are UTF-8.
      const lines = warnings.map((warning) => Buffer.from(warning, "latin1").toString());
      for (const line of lines) expect(line).toMatch(/^(?:(?=.{1,120}$)[A-Z]{3}-[A-Z-]+ \P{Cc}+|\+\d+ more)$/u);
    });

    it.each([0, 100_000])(
      "F-77: that quotes a hostile value shows it and doesn't obey it, with %d characters more",
      async (more) => {
        const ingress = ingressWith(`hostile-${more}`, `/\u001b[31m%s\n<b>\u202e&${"x".repeat(more)}`);
        const { status, body } = await create(ingress, "ingresses.networking.k8s.io");
        expect(status).toBe(403);
        expect(body.message).toContain("\\u001b[31m%s\\n<b>\\u{202e}&");
        expect(body.message.length).toBeLessThan(4200);
        const stdin = JSON.stringify({ ...ingress, metadata: { ...ingress.metadata, namespace: "refused" } });
        const { stderr } = await controlPlane().kubectl(["create", "-f", "-"], { stdin });
        expect(stderr).toContain("\\u001b[31m%s\\n<b>\\u{202e}&");
        const warned = await create(ingress, "ingresses.networking.k8s.io", "warned");
        expect(warned.status).toBe(201);
        expect(warned.warnings).toContainEqual(expect.stringContaining("\\u001b[31m%s\\n<b>"));
      },
    );

    it("F-77, F-80: to an object that three rules refuse is one message, in the order of the policies, without secrets", async () => {
      const annotations = { [BACKUP_VOLUMES]: "data" };
      const pod = podWithEnv("wrong", [{ name: "DB_PASSWORD", value: "hunter2" }], { labels: {}, annotations });
      const answers = [await create(pod), await create(pod)];
      for (const { status, body } of answers) {
        expect({ status, causes: body.details.causes }).toEqual({
          status: 403,
          causes: [
            expect.objectContaining({ reason: "LBL-MISSING", field: "metadata.labels" }),
            expect.objectContaining({ reason: "SEC-ENV", field: "spec.containers[0].env[0]" }),
            expect.objectContaining({ reason: "VEL-UNKNOWN", field: `metadata.annotations[${BACKUP_VOLUMES}]` }),
          ],
        });
        expect(body.message).toMatch(/3 violations\n- LBL.*a-labels.*\n- SEC.*b-secrets.*\n- VEL.*c-volumes/);
      }
      expect(answers[0]?.body.message).toBe(answers[1]?.body.message);
      const told = [answers, auditOf("wrong"), running.server.stdout()];
      expect(JSON.stringify(told)).not.toContain("hunter2");
    });

    it("F-78: is told to the audit log, under the webhook's name", async () => {
      expect((await create(podWithClaims("audited", [], { labels: {} }), "pods", "warned")).status).toBe(201);
      expect(auditOf("audited")).toMatchObject({
        "validate.portcullis.dev/policies": "warned-a-labels",
        "validate.portcullis.dev/rules": "required-labels",
        "validate.portcullis.dev/codes": "LBL-MISSING",
        "validate.portcullis.dev/effects": "warn",
      });
    });
  },
  { auditPolicyPath },
);
