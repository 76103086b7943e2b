/** CERT_STORE=secret on a real API server, by an account that may get and patch that one Secret. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../init/backoff.ts";
import { createSecretStore } from "../../init/certificates/secret-store.ts";
import { connectToCluster } from "../../src/cluster/client.ts";
import type { LiveConfiguration } from "../../src/registration/configuration.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { readPair } from "../../src/tls/files.ts";
import { checkPair, readCertificates } from "../../src/tls/inspect.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { BACKDATE_MS, type CertificatePair, podUidOfCa, type ServiceNames } from "../../src/tls/profile.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, type Installation, install, kubectlOrThrow, waitUntil } from "../support/installation.ts";

const DAY_MS = 86_400_000;
const VALIDITY_MS = 90 * DAY_MS;
const NAMES = { service: "portcullis", namespace: "portcullis" };
const ACCOUNT = "portcullis-init";
const SECRET_NAME = "portcullis-certs";
const VERBS = ["get", "patch"];
const FIRST_STARTERS = 5;
const METADATA = { name: SECRET_NAME, namespace: NAMES.namespace };
/** As a person or a chart makes it in advance. */
const SECRET = { apiVersion: "v1", kind: "Secret", metadata: METADATA, type: "Opaque" };

describeCluster("CERT_STORE=secret", (controlPlane) => {
  let installation: Installation;
  let kubeconfig: string;
  const kubectl = (args: readonly string[], stdin?: string) => kubectlOrThrow(controlPlane(), args, stdin);
  const kubectlSecret = (verb: string, ...args: string[]) =>
    kubectl([verb, "secret", SECRET_NAME, "-n", NAMES.namespace, ...args]);

  async function readSecretPair(): Promise<CertificatePair> {
    const { data } = JSON.parse(await kubectlSecret("get", "-o", "json"));
    const text = (key: string) => Buffer.from(data[key], "base64").toString();
    expect(Object.keys(data).sort()).toEqual(["ca.crt", "tls.crt", "tls.key"]);
    return { caPem: text("ca.crt"), certPem: text("tls.crt"), keyPem: text("tls.key") };
  }
  async function startAfresh(pair?: CertificatePair): Promise<void> {
    await kubectlSecret("delete", "--ignore-not-found");
    const data = pair && { "tls.crt": pair.certPem, "tls.key": pair.keyPem, "ca.crt": pair.caPem };
    await kubectl(["create", "-f", "-"], JSON.stringify({ ...SECRET, ...(data ? { stringData: data } : {}) }));
  }
  /** With a connection of its own, as each Pod has. */
  function openStore() {
    const messages: string[] = [];
    const logger = createLogger("init", "info", { write: (line) => messages.push(JSON.parse(line).msg) });
    const store = createSecretStore({
      connection: connectToCluster(kubeconfig),
      names: NAMES,
      secretName: SECRET_NAME,
      keyAlgorithm: "ecdsa-p256",
      validityMs: VALIDITY_MS,
      clock: systemClock,
      logger,
    });
    return { obtain: () => store.obtain(), messages };
  }

  /** Grants these verbs and no other; the API server hears of it with a delay. */
  async function grant(verbs: readonly string[]): Promise<void> {
    await apply(controlPlane(), accessTo(verbs));
    for (const verb of VERBS) {
      const question = ["auth", "can-i", verb, `secret/${SECRET_NAME}`, "-n", NAMES.namespace];
      await waitUntil(`${ACCOUNT} has or hasn't the verb ${verb}`, 10_000, async () => {
        const { status } = await controlPlane().kubectl(question, { kubeconfig });
        return (status === 0) === verbs.includes(verb);
      });
    }
  }

  beforeAll(async () => {
    const env = { CERT_STORE: "secret", CERT_SECRET: SECRET_NAME, CA_SETTLE_MS: "0" };
    installation = await install(controlPlane(), { env });
    const token = await kubectl(["create", "token", ACCOUNT, "-n", NAMES.namespace]);
    kubeconfig = controlPlane().writeKubeconfig({ user: ACCOUNT, token: token.trim() });
    await grant(VERBS);
  });
  afterAll(() => installation?.stop());
  beforeEach(() => startAfresh());

  it("five first starters at once: one pair wins, and all use it", async () => {
    const stores = Array.from({ length: FIRST_STARTERS }, openStore);
    const pairs = await Promise.all(stores.map(({ obtain }) => obtain()));
    const winner = await readSecretPair();
    for (const pair of pairs) expect(pair).toEqual(winner);
    const messages = stores.flatMap((store) => store.messages);
    expect(messages.filter((message) => message === "new certificates in the Secret")).toHaveLength(1);
    const dropped = messages.filter((message) => message.startsWith("the new certificates are dropped")).length;
    process.stdout.write(`${FIRST_STARTERS} first starters: 1 pair written, ${dropped} dropped\n`);
    // Without a conflict they would not have met, and the test would show nothing.
    expect(dropped).toBeGreaterThan(0);
  });

  describe("a pair in the Secret that can't be used is renewed, and the new one is used from then on", () => {
    const good = issue();
    it.each<[string, CertificatePair]>([
      ["expired", issue(VALIDITY_MS + DAY_MS)],
      ["nearly expired", issue(0.8 * VALIDITY_MS)],
      ["of another Service", issue(0, { service: "shop", namespace: "web" })],
      ["with the key of another pair", { ...good, keyPem: issue().keyPem }],
      ["garbage", { caPem: "garbage", certPem: "garbage", keyPem: "garbage" }],
    ])("%s", async (_name, pair) => {
      await startAfresh(pair);
      const renewed = await openStore().obtain();
      expect(checkPair(renewed, NAMES, new Date())).toEqual([]);
      expect(await readSecretPair()).toEqual(renewed);
      expect(await openStore().obtain()).toEqual(renewed);
    });

    it("control: a good one is not", async () => {
      await startAfresh(good);
      expect(await openStore().obtain()).toEqual(good);
      expect(await readSecretPair()).toEqual(good);
    });
  });

  it("the manifest of the Secret, applied again, leaves the pair alone", async () => {
    await kubectlSecret("delete");
    await apply(controlPlane(), [SECRET]);
    const pair = await openStore().obtain();
    await apply(controlPlane(), [SECRET]);
    await kubectl(["apply", "--server-side", "--field-manager=flux", "-f", "-"], JSON.stringify(SECRET));
    expect(await readSecretPair()).toEqual(pair);
  });

  it("no Secret: init ends with status 1, says so, and creates none", async () => {
    await kubectlSecret("delete");
    await expect(openStore().obtain()).rejects.toMatchObject({
      code: "SECRET",
      message: `there is no Secret "${SECRET_NAME}" in namespace "${NAMES.namespace}"`,
    });
    const { init } = installation.startInit();
    expect((await init.exited).status).toBe(1);
    expect(init.stderr()).toContain("SECRET: there is no Secret");
    await expect(kubectlSecret("get")).rejects.toThrow("NotFound");
  });

  it.each(VERBS)("without the verb %s: the error names it", async (verb) => {
    await grant(VERBS.filter((other) => other !== verb));
    const failure = await openStore()
      .obtain()
      .catch((error: unknown) => error);
    await grant(VERBS);
    const message = expect.stringContaining(`forbidden: ${verb} secrets "${SECRET_NAME}" in ${NAMES.namespace}`);
    expect(failure).toMatchObject({ code: "RBAC", message });
  });

  it("five init processes at once: every CERT_DIR holds the winner's pair, and the bundles its CA alone", async () => {
    const pods = Array.from({ length: FIRST_STARTERS }, () => installation.startInit());
    const statuses = await Promise.all(pods.map(async ({ init }) => (await init.exited).status));
    expect(statuses, pods.map(({ init }) => init.stderr()).join("")).toEqual(Array(FIRST_STARTERS).fill(0));
    const winner = await readSecretPair();
    for (const { certDir } of pods) expect(readPair(certDir)).toEqual(winner);
    const certificates = await readBundles();
    expect(new Set(certificates)).toEqual(new Set([winner.caPem]));
    const [ca] = readCertificates(winner.caPem).certificates;
    expect(ca?.commonName).toMatch(/^portcullis-ca-serial-[0-9a-f]{32}$/);
    expect(podUidOfCa(ca?.commonName)).toBeUndefined();
  });

  it("the API server trusts the shared pair, and its successor", async () => {
    const first = await installation.startPod();
    expect(await installation.isEnforcing()).toBe(true);
    const { caPem } = await readSecretPair();
    await first.stop();

    await startAfresh(issue(0.8 * VALIDITY_MS));
    const second = await installation.startPod();
    expect(await installation.isEnforcing()).toBe(true);
    const successor = await readSecretPair();
    expect(readFileSync(join(second.certDir, "ca.crt"), "utf8")).toBe(successor.caPem);
    expect(await readBundles()).toEqual(expect.arrayContaining([caPem, successor.caPem]));
    await second.stop();
  });

  /** The certificates of every webhook of both configurations. */
  async function readBundles(): Promise<readonly string[]> {
    const kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
    const { items }: { readonly items: readonly LiveConfiguration[] } = JSON.parse(
      await kubectl(["get", kinds, "-o", "json"]),
    );
    const bundles = items.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ""));
    return bundles.flatMap((base64) =>
      readCertificates(Buffer.from(base64, "base64").toString()).certificates.map(({ pem }) => pem),
    );
  }
});

function issue(ageMs = 0, names: ServiceNames = NAMES): CertificatePair {
  const issuedAtMs = Date.now() - ageMs;
  return issueCertificates({
    names,
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(issuedAtMs - BACKDATE_MS),
    notAfter: new Date(issuedAtMs + VALIDITY_MS),
  });
}

/** What `portcullis-init` needs besides what ships for CERT_STORE=emptydir. */
function accessTo(verbs: readonly string[]): readonly object[] {
  const metadata = { name: "portcullis-certs", namespace: NAMES.namespace };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  return [
    {
      apiVersion,
      kind: "Role",
      metadata,
      rules: [{ apiGroups: [""], resources: ["secrets"], resourceNames: [SECRET_NAME], verbs }],
    },
    {
      apiVersion,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
      subjects: [{ kind: "ServiceAccount", name: ACCOUNT, namespace: NAMES.namespace }],
    },
  ];
}
