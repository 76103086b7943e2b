/** CERT_STORE=secret: when the pair that is there is used, when it is replaced, and who wins when several write. */
import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createSecretStore } from "../../init/certificates/secret-store.ts";
import { ApiUnavailable } from "../../src/cluster/ask.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { type CertificateOrder, issueCertificates } from "../../src/tls/issue.ts";
import { BACKDATE_MS, type CertificatePair } from "../../src/tls/profile.ts";
import { createFakeClock, type LogLine, NOW } from "./init-run.ts";
import { createScriptedSecret, type SecretData } from "./scripted-secret.ts";

const DAY_MS = 86_400_000;
const TEN_MINUTES_MS = 600_000;
const VALIDITY_MS = 90 * DAY_MS;
const NAMES = { service: "portcullis", namespace: "policy" };

/** Of `ageMs` ago, and good unless `order` says otherwise. */
function issue(ageMs = 0, order: Partial<CertificateOrder> = {}): CertificatePair {
  const issuedAtMs = NOW.getTime() - ageMs;
  return issueCertificates({
    names: NAMES,
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(issuedAtMs - BACKDATE_MS),
    notAfter: new Date(issuedAtMs + VALIDITY_MS),
    ...order,
  });
}

function toData({ certPem, keyPem, caPem }: CertificatePair): SecretData {
  return { "tls.crt": certPem, "tls.key": keyPem, "ca.crt": caPem };
}

function openStore(initial: SecretData | undefined, validityMs = VALIDITY_MS, serverDate = NOW) {
  const secret = createScriptedSecret(initial, serverDate);
  const logLines: LogLine[] = [];
  const logger = createLogger("init", "trace", { write: (line) => logLines.push(JSON.parse(line)) });
  const store = createSecretStore({
    connection: secret.connection,
    names: NAMES,
    secretName: "portcullis-certs",
    keyAlgorithm: "ecdsa-p256",
    validityMs,
    clock: createFakeClock(),
    logger,
  });
  return { secret, store, logLines };
}

describe("an empty Secret", () => {
  test("is filled with a pair whose CA is named by its serial number, and without that CA's key", async () => {
    const { secret, store, logLines } = openStore({});
    const pair = await store.obtain();
    expect(secret.read()).toEqual(toData(pair));
    const ca = new X509Certificate(pair.caPem);
    expect(ca.subject).toContain(`CN=portcullis-ca-serial-${ca.serialNumber.toLowerCase()}`);
    expect(ca.validToDate).toEqual(new Date(NOW.getTime() + VALIDITY_MS));
    expect(logLines.map(({ level, msg, reasons }) => ({ level, msg, reasons }))).toEqual([
      { level: "info", msg: "new certificates in the Secret", reasons: ["it holds no certificates yet"] },
    ]);
  });

  test("is read once by those who come later, and they use what is there", async () => {
    const { secret, store } = openStore({});
    const pair = await store.obtain();
    expect(await store.obtain()).toEqual(pair);
    expect(secret.verbs).toEqual(["get", "patch", "get"]);
  });

  test("keeps its other keys", async () => {
    const { secret, store } = openStore({ note: "keep me" });
    await store.obtain();
    expect(secret.read()).toMatchObject({ note: "keep me" });
  });
});

describe("a pair that can't be used is replaced, with a warning that says why", () => {
  const good = toData(issue());
  const other = toData(issue());
  const withoutKey = { "tls.crt": good["tls.crt"] ?? "", "ca.crt": good["ca.crt"] ?? "" };
  test.each<[string, SecretData, RegExp]>([
    ["expired", toData(issue(91 * DAY_MS)), /^the CA expired at 2026-05-31/],
    ["not yet valid", toData(issue(-2 * DAY_MS)), /^the CA is not valid before 2026-06-03/],
    [
      "a foreign pair",
      toData(issue(0, { names: { service: "shop", namespace: "web" } })),
      /is not for portcullis\.policy/,
    ],
    ["another pair's key", { ...good, "tls.key": other["tls.key"] ?? "" }, /^the private key does not belong/],
    ["another pair's CA", { ...good, "ca.crt": other["ca.crt"] ?? "" }, /^the server's certificate was not signed/],
    ["garbage as certificate", { ...good, "tls.crt": "garbage" }, /^the server's certificate is not a certificate/],
    ["garbage as key", { ...good, "tls.key": "garbage" }, /^the private key is not an unencrypted key/],
    ["garbage as CA", { ...good, "ca.crt": "\u0000\ufffd" }, /^the CA is not a certificate/],
    ["no key", withoutKey, /^tls\.key is missing$/],
    ["an empty key", { ...good, "tls.key": "" }, /^tls\.key is missing$/],
    ["two CAs", { ...good, "ca.crt": `${good["ca.crt"]}${other["ca.crt"]}` }, /^ca\.crt holds more than one/],
    [
      "another algorithm",
      toData(issue(0, { keyAlgorithm: "rsa-2048" })),
      /^its key is rsa-2048, and KEY_ALGORITHM ecdsa-p256$/,
    ],
  ])("%s", async (_name, data, reason) => {
    const { secret, store, logLines } = openStore(data);
    const pair = await store.obtain();
    expect(secret.read()).toEqual(toData(pair));
    expect(logLines).toMatchObject([
      {
        level: "warn",
        secret: { namespace: "policy", name: "portcullis-certs" },
        reasons: expect.arrayContaining([expect.stringMatching(reason)]),
      },
    ]);
    expect(await store.obtain()).toEqual(pair);
  });

  test("no line of a key is logged, neither of the old one nor of the new one", async () => {
    const old = { ...good, "tls.crt": "garbage" };
    const { store, logLines } = openStore(old);
    const { keyPem } = await store.obtain();
    const told = JSON.stringify(logLines);
    for (const pem of [keyPem, good["tls.key"] ?? ""]) {
      const lines = pem.trim().split("\n").slice(1, -1);
      expect(lines.length).toBeGreaterThan(1);
      for (const line of lines) expect(told).not.toContain(line);
    }
  });
});

describe("two thirds of its life, a tenth more or less", () => {
  test("not yet over: the pair is used", async () => {
    const data = toData(issue(0.59 * VALIDITY_MS));
    const { secret, store } = openStore(data);
    expect(toData(await store.obtain())).toEqual(data);
    expect(secret.verbs).toEqual(["get"]);
  });

  test("over: it is renewed, which is no warning", async () => {
    const data = toData(issue(0.74 * VALIDITY_MS));
    const { secret, store, logLines } = openStore(data);
    const pair = await store.obtain();
    expect(pair.certPem).not.toBe(data["tls.crt"]);
    expect(secret.read()).toEqual(toData(pair));
    expect(logLines[0]).toMatchObject({
      level: "info",
      reasons: [expect.stringMatching(/^due for renewal since 2026-05-/)],
    });
  });

  test("of ten minutes, which is less than certificates are backdated by: a new pair is not due at once", async () => {
    const { secret, store } = openStore({}, TEN_MINUTES_MS);
    const pair = await store.obtain();
    expect(await store.obtain()).toEqual(pair);
    expect(secret.verbs).toEqual(["get", "patch", "get"]);
  });

  test("is that of the pair where CERT_VALIDITY has become longer since", async () => {
    const data = toData(issue(DAY_MS));
    const { store } = openStore(data, 3650 * DAY_MS);
    expect(toData(await store.obtain())).toEqual(data);
  });
});

describe("somebody else writes between our read and our patch", () => {
  test("a pair: theirs is used, ours is nowhere", async () => {
    const { secret, store, logLines } = openStore({});
    const winner = toData(issue());
    secret.script({ before: () => secret.replace(winner) });
    expect(toData(await store.obtain())).toEqual(winner);
    expect(secret.read()).toEqual(winner);
    expect(secret.verbs).toEqual(["get", "patch", "get"]);
    expect(logLines).toMatchObject([{ level: "info", reason: "conflict" }]);
  });

  test("something else: we write again, over what is there now", async () => {
    const { secret, store } = openStore({});
    secret.script({ before: () => secret.replace({ note: "hello" }) });
    const pair = await store.obtain();
    expect(secret.read()).toEqual({ note: "hello", ...toData(pair) });
  });

  test("again and again: the caller is to wait", async () => {
    const { secret, store } = openStore({});
    secret.script(...Array(3).fill({ before: () => secret.replace({}) }));
    await expect(store.obtain()).rejects.toThrow(ApiUnavailable);
    expect(secret.verbs).toEqual(["get", "patch", "get", "patch", "get", "patch"]);
  });

  test("and removes the Secret: that is the error of a Secret that isn't there", async () => {
    const { secret, store } = openStore({});
    secret.script({ before: () => secret.replace(undefined) });
    await expect(store.obtain()).rejects.toMatchObject({ code: "SECRET" });
  });
});

test("an answer that is lost on its way: the next try finds our pair in the Secret", async () => {
  const { secret, store } = openStore({});
  secret.script({ answer: "lost" });
  await expect(store.obtain()).rejects.toThrow(
    new ApiUnavailable('patch secrets "portcullis-certs" in policy: socket hang up'),
  );
  const stored = secret.read();
  expect(toData(await store.obtain())).toEqual(stored);
});

describe("what ends it", () => {
  test("there is no Secret: it is not created", async () => {
    const { secret, store } = openStore(undefined);
    await expect(store.obtain()).rejects.toMatchObject({
      code: "SECRET",
      exitStatus: 1,
      message: 'there is no Secret "portcullis-certs" in namespace "policy"',
    });
    expect(secret.verbs).toEqual(["get"]);
  });

  test("403, with the verb and the object", async () => {
    const { secret, store } = openStore({});
    secret.script({ answer: 403 });
    await expect(store.obtain()).rejects.toMatchObject({
      code: "RBAC",
      message: 'forbidden: patch secrets "portcullis-certs" in policy: scripted 403',
    });
  });

  test("503 is worth another try", async () => {
    const { secret, store } = openStore({});
    secret.failGets(503);
    await expect(store.obtain()).rejects.toThrow(ApiUnavailable);
  });

  test("a clock that is wrong by more than certificates are backdated: nothing is written", async () => {
    const { secret, store } = openStore({}, VALIDITY_MS, new Date(NOW.getTime() - DAY_MS));
    await expect(store.obtain()).rejects.toMatchObject({ code: "CLOCK" });
    expect(secret.read()).toEqual({});
  });
});
