import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PENDING_PROMOTION } from "../../src/registration/configuration.ts";
import { readCertificates } from "../../src/tls/inspect.ts";
import { describeCluster } from "../support/cluster.ts";
import {
  type Installation,
  install,
  kubectlOrThrow,
  type RunningPod,
  readDocuments,
  SHIPPED_POLICIES,
} from "../support/installation.ts";

const KINDS = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] as const;

const OTHER_POLICY = `
apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata: { name: services-too }
spec:
  rule: required-labels
  params: { labels: [{ anyOf: [team] }] }
  match: { resources: [services], namespaceSelector: { matchLabels: { team: web } } }
`;

// biome-ignore lint/suspicious/noExplicitAny: a configuration as the API server gives it
type Configuration = any;

describeCluster("init on a real API server, under the ClusterRole that ships", (controlPlane) => {
  let installation: Installation;
  const kubectl = (...args: string[]) => kubectlOrThrow(controlPlane(), args);
  const read = async (kind: string): Promise<Configuration> =>
    JSON.parse(await kubectl("get", kind, "portcullis", "-o", "json"));
  const patch = (kind: string, body: object) =>
    kubectl("patch", kind, "portcullis", "--type=strategic", "-p", JSON.stringify(body));

  beforeAll(async () => {
    installation = await install(controlPlane(), { env: { CA_SETTLE_MS: "0" } });
  });
  afterAll(() => installation?.stop());

  describe("where there is no configuration", () => {
    let pod: RunningPod;
    beforeAll(async () => {
      pod = await installation.startPod();
    });
    afterAll(() => pod?.stop());

    it("creates both, and the API server calls through them", async () => {
      const [mutating, validating] = [await read(KINDS[0]), await read(KINDS[1])];
      expect(mutating.webhooks.map((webhook: Configuration) => webhook.name)).toEqual(["mutate.portcullis.dev"]);
      expect(validating.webhooks.map((webhook: Configuration) => webhook.name)).toEqual([
        "validate.portcullis.dev",
        "canary.portcullis.dev",
        "policies.portcullis.dev",
      ]);
      expect(await installation.isEnforcing()).toBe(true);
    });

    it("begins with Ignore, and names what is to be promoted", async () => {
      const validating = await read(KINDS[1]);
      expect(validating.webhooks.map((webhook: Configuration) => webhook.failurePolicy)).toEqual([
        "Ignore",
        "Ignore",
        "Ignore",
      ]);
      expect(validating.metadata.annotations[PENDING_PROMOTION]).toBe("validate.portcullis.dev");
    });

    it("is kept out of backups", async () => {
      for (const kind of KINDS)
        expect((await read(kind)).metadata.labels["velero.io/exclude-from-backup"]).toBe("true");
    });

    it("F-103, F-107: a second Pod adds its CA and changes nothing else, whatever people have changed in between", async () => {
      for (const kind of KINDS) {
        await patch(kind, {
          metadata: { labels: { team: "platform" } },
          webhooks: [
            {
              name: `${kind === KINDS[0] ? "mutate" : "validate"}.portcullis.dev`,
              timeoutSeconds: 7,
              failurePolicy: "Ignore",
            },
            {
              name: "other.example.com",
              clientConfig: { url: "https://127.0.0.1:9/never" },
              sideEffects: "None",
              admissionReviewVersions: ["v1"],
              rules: [],
            },
          ],
        });
      }
      const { metadata, webhooks, ...rest } = await read(KINDS[1]);
      const ours = webhooks.find(({ name }: Configuration) => name === "validate.portcullis.dev");
      const moved = [...webhooks].reverse().concat({ ...ours, name: "renamed.portcullis.dev" });
      const replacement = JSON.stringify({ ...rest, metadata: { ...metadata, managedFields: [] }, webhooks: moved });
      await kubectlOrThrow(controlPlane(), ["replace", "-f", "-"], replacement);
      const before = { mutating: await read(KINDS[0]), validating: await read(KINDS[1]) };
      expect(before.validating.webhooks.map(({ name }: Configuration) => name)).toEqual([
        "policies.portcullis.dev",
        "canary.portcullis.dev",
        "other.example.com",
        "validate.portcullis.dev",
        "renamed.portcullis.dev",
      ]);
      await pod.stop();
      const second = await installation.startPod();
      const after = { mutating: await read(KINDS[0]), validating: await read(KINDS[1]) };
      await second.stop();
      expect(withoutBundles(after)).toEqual(withoutBundles(before));
      for (const name of ["validate.portcullis.dev", "renamed.portcullis.dev"]) {
        const cas = commonNames(after.validating.webhooks.find((webhook: Configuration) => webhook.name === name));
        expect(cas).toEqual([`portcullis-ca-${pod.uid}`, `portcullis-ca-${second.uid}`]);
      }
      const foreign = after.validating.webhooks.find((webhook: Configuration) => webhook.name === "other.example.com");
      expect(foreign.clientConfig.caBundle).toBeUndefined();
    });
  });

  it("changes no rule, whatever its policies: those of a Pod that crashes afterwards, or of an old one that comes back", async () => {
    const rulesOf = async () =>
      (await Promise.all(KINDS.map(read))).map(({ webhooks }) =>
        webhooks.map(({ name, rules, namespaceSelector }: Configuration) => ({ name, rules, namespaceSelector })),
      );
    const before = await rulesOf();
    const other = mkdtempSync(join(tmpdir(), "portcullis-other-policies-"));
    writeFileSync(join(other, "policy.yaml"), OTHER_POLICY);
    for (const policyDir of [other, SHIPPED_POLICIES]) {
      const { init } = installation.startInit({ policyDir });
      expect(await init.exited).toMatchObject({ status: 0 });
      expect(await rulesOf()).toEqual(before);
    }
    rmSync(other, { recursive: true });
  });

  describe("without one of its verbs", () => {
    const [, role] = readDocuments("rbac.yaml");
    afterEach(() => kubectlOrThrow(controlPlane(), ["apply", "-f", "-"], JSON.stringify(role)));

    it.each([
      { verb: "get", exists: true },
      { verb: "patch", exists: true },
      { verb: "create", exists: false },
    ])("F-106: ends with status 3 and names it: $verb", async ({ verb, exists }) => {
      if (!exists) await kubectl("delete", ...["mutatingwebhookconfiguration", "portcullis"]);
      const rules = role.rules
        .map((rule: { verbs: string[] }) => ({ ...rule, verbs: rule.verbs.filter((other) => other !== verb) }))
        .filter((rule: { verbs: string[] }) => rule.verbs.length > 0);
      await kubectlOrThrow(controlPlane(), ["apply", "-f", "-"], JSON.stringify({ ...role, rules }));
      const failure = await installation.startPod().then(
        () => "it started",
        (error: Error) => error.message,
      );
      expect(failure).toContain("status 3");
      expect(failure).toMatch(
        new RegExp(`RBAC: forbidden: ${verb} mutatingwebhookconfigurations.admissionregistration.k8s.io "portcullis"`),
      );
    });
  });

  it("grants no verb that the tests above do not take away", () => {
    const [, role] = readDocuments("rbac.yaml");
    const verbs = role.rules.flatMap((rule: { verbs: string[] }) => rule.verbs);
    expect(new Set(verbs)).toEqual(new Set(["get", "patch", "create"]));
  });

  it("serves a certificate of the CA that it has registered", async () => {
    const pod = await installation.startPod();
    const ca = new X509Certificate(readFileSync(join(pod.certDir, "ca.crt")));
    const leaf = new X509Certificate(readFileSync(join(pod.certDir, "tls.crt")));
    await pod.stop();
    expect(leaf.verify(ca.publicKey)).toBe(true);
    const bundle = Buffer.from((await read(KINDS[1])).webhooks[0].clientConfig.caBundle, "base64").toString();
    expect(readCertificates(bundle).certificates.map(({ fingerprint }) => fingerprint)).toContain(ca.fingerprint256);
  });
});

function commonNames(webhook: Configuration): (string | undefined)[] {
  const bundle = Buffer.from(webhook.clientConfig.caBundle, "base64").toString();
  return readCertificates(bundle).certificates.map(({ commonName }) => commonName);
}

/** Everything that init must leave alone. */
function withoutBundles(configurations: Record<string, Configuration>): Configuration {
  const copy = structuredClone(configurations);
  for (const { metadata, webhooks } of Object.values(copy)) {
    for (const field of ["resourceVersion", "generation", "managedFields"]) delete metadata[field];
    for (const webhook of webhooks) delete webhook.clientConfig.caBundle;
  }
  return copy;
}
