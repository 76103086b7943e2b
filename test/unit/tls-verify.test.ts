/** Whether others accept what issue.ts makes: OpenSSL's strict verifier, and a TLS handshake as the API server does it. */
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { afterAll, describe, expect, test } from "vitest";
import * as der from "../../src/tls/certificate-der.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { BACKDATE_MS, type CertificatePair, dnsNamesOf, type KeyAlgorithm } from "../../src/tls/profile.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const NAMES = { service: "portcullis", namespace: "policy" };
const LONG_NAMES = { service: "s".repeat(63), namespace: "n".repeat(63) };
const NOW_MS = Date.now();
const HAS_OPENSSL = spawnSync("openssl", ["version"]).status === 0;

function issue({ names = NAMES, keyAlgorithm = "ecdsa-p256" as KeyAlgorithm, lifeMs = 30 * DAY_MS } = {}) {
  const notBefore = new Date(NOW_MS - BACKDATE_MS);
  return issueCertificates({ names, podUid: "pod", keyAlgorithm, notBefore, notAfter: new Date(NOW_MS + lifeMs) });
}

/** A CA that is held to NAMES, and a leaf of it for a name outside: issue.ts can't make one, it drops the CA's key. */
function signOutsideConstraints(): CertificatePair {
  const caKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const leafKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = { organization: "o", commonName: "ca" };
  const common = { issuer, notBefore: new Date(NOW_MS - DAY_MS), notAfter: new Date(NOW_MS + DAY_MS) };
  const caKeyIdentifier = der.keyIdentifierOf(caKeys.publicKey);
  const ca = {
    ...common,
    serialNumber: Buffer.of(1),
    subject: issuer,
    publicKey: caKeys.publicKey,
    extensions: [
      der.basicConstraintsOfCa(),
      der.keyUsage("keyCertSign"),
      der.subjectKeyIdentifier(caKeyIdentifier),
      der.nameConstraints(dnsNamesOf(NAMES.service, NAMES.namespace)),
    ],
  };
  const leaf = {
    ...common,
    serialNumber: Buffer.of(2),
    subject: { organization: "o", commonName: "leaf" },
    publicKey: leafKeys.publicKey,
    extensions: [
      der.basicConstraintsOfLeaf(),
      der.keyUsage("digitalSignature"),
      der.subjectAltName(["other.policy.svc"]),
      der.subjectKeyIdentifier(der.keyIdentifierOf(leafKeys.publicKey)),
      der.authorityKeyIdentifier(caKeyIdentifier),
    ],
  };
  return {
    caPem: der.signCertificate(ca, caKeys.privateKey),
    certPem: der.signCertificate(leaf, caKeys.privateKey),
    keyPem: leafKeys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

describe.skipIf(!HAS_OPENSSL)("openssl verify -x509_strict (skipped without openssl)", () => {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-verify-"));
  const caFile = join(directory, "ca.crt");
  const certFile = join(directory, "tls.crt");
  afterAll(() => rmSync(directory, { recursive: true }));

  /** What openssl prints; its first complaint if there is one. */
  function verify(pair: Pick<CertificatePair, "caPem" | "certPem">, hostname: string, at = new Date(NOW_MS)): string {
    writeFileSync(caFile, pair.caPem);
    writeFileSync(certFile, pair.certPem);
    const time = String(Math.floor(at.getTime() / 1000));
    const options = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", hostname, "-attime", time];
    const { stdout, stderr } = spawnSync("openssl", ["verify", ...options, "-CAfile", caFile, certFile]);
    return `${stdout}${stderr}`;
  }

  test.each(["ecdsa-p256", "rsa-2048", "rsa-4096"] as const)("accepts %s", (keyAlgorithm) => {
    expect(verify(issue({ keyAlgorithm }), "portcullis.policy.svc")).toBe(`${certFile}: OK\n`);
  });

  test.each([
    ["a Service", NAMES],
    ["the longest names", LONG_NAMES],
  ])("accepts every name of %s", (_, names) => {
    const pair = issue({ names });
    for (const name of dnsNamesOf(names.service, names.namespace)) {
      expect(verify(pair, name)).toBe(`${certFile}: OK\n`);
    }
  });

  test("accepts dates beyond 2050", () => {
    const pair = issue({ lifeMs: 100 * 365 * DAY_MS });
    expect(verify(pair, "portcullis.policy.svc", new Date("2120-01-01"))).toBe(`${certFile}: OK\n`);
  });

  test("refuses a wrong name, a wrong time, another CA, and a name outside the CA's constraints", () => {
    const pair = issue({ lifeMs: DAY_MS });
    expect(verify(pair, "other.policy.svc")).toContain("hostname mismatch");
    expect(verify(pair, "portcullis.policy.svc", new Date(NOW_MS + 2 * DAY_MS))).toContain("has expired");
    expect(verify(pair, "portcullis.policy.svc", new Date(NOW_MS - DAY_MS))).toContain("not yet valid");
    expect(verify({ ...pair, caPem: issue().caPem }, "portcullis.policy.svc")).toContain("unable to get local issuer");
    expect(verify(signOutsideConstraints(), "other.policy.svc")).toContain("permitted subtree violation");
  });

  test("shows the extensions of the profile, and which are critical", () => {
    const pair = issue({ keyAlgorithm: "rsa-2048" });
    const extensions = (pem: string, names: string) =>
      execFileSync("openssl", ["x509", "-noout", "-ext", names], { input: pem, encoding: "utf8" })
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "");

    expect(extensions(pair.caPem, "basicConstraints,keyUsage,nameConstraints,extendedKeyUsage")).toEqual([
      "X509v3 Basic Constraints: critical",
      "CA:TRUE, pathlen:0",
      "X509v3 Key Usage: critical",
      "Certificate Sign, CRL Sign",
      "X509v3 Name Constraints: critical",
      "Permitted:",
      ...dnsNamesOf(NAMES.service, NAMES.namespace).map((name) => `DNS:${name}`),
    ]);
    expect(extensions(pair.certPem, "basicConstraints,keyUsage,extendedKeyUsage")).toEqual([
      "X509v3 Basic Constraints: critical",
      "CA:FALSE",
      "X509v3 Key Usage: critical",
      "Digital Signature, Key Encipherment",
      "X509v3 Extended Key Usage:",
      "TLS Web Server Authentication",
    ]);
    expect(extensions(issue().certPem, "keyUsage")).toEqual(["X509v3 Key Usage: critical", "Digital Signature"]);
    const [, caKeyIdentifier] = extensions(pair.caPem, "subjectKeyIdentifier");
    expect(extensions(pair.certPem, "authorityKeyIdentifier").at(-1)?.replace("keyid:", "")).toBe(caKeyIdentifier);
  });
});

describe("a TLS handshake", () => {
  /** `trusted`, or the code of the error with which the client refuses the server. */
  async function shakeHands(pair: CertificatePair, caBundle: string, servername: string): Promise<string> {
    const server = createServer({ cert: pair.certPem, key: pair.keyPem }).listen(0, "127.0.0.1");
    server.on("tlsClientError", () => {});
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ host: "127.0.0.1", port, servername, ca: caBundle });
    try {
      await once(client, "secureConnect");
      return "trusted";
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    } finally {
      client.destroy();
      server.close();
    }
  }

  const pair = issue();

  test.each(["ecdsa-p256", "rsa-2048", "rsa-4096"] as const)("succeeds with %s", async (keyAlgorithm) => {
    const issued = issue({ keyAlgorithm });
    expect(await shakeHands(issued, issued.caPem, "portcullis.policy.svc")).toBe("trusted");
  });

  test("succeeds with the longest names, and with dates beyond 2050", async () => {
    const issued = issue({ names: LONG_NAMES, lifeMs: 50 * 365 * DAY_MS });
    const name = `${LONG_NAMES.service}.${LONG_NAMES.namespace}.svc`;
    expect(await shakeHands(issued, issued.caPem, name)).toBe("trusted");
  });

  test("succeeds with the right CA among others of the same subject", async () => {
    const bundle = issue().caPem + pair.caPem + issue().caPem;
    expect(await shakeHands(pair, bundle, "portcullis.policy.svc")).toBe("trusted");
  });

  test("fails for another name", async () => {
    expect(await shakeHands(pair, pair.caPem, "other.policy.svc")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("fails for another CA, even one of the same subject", async () => {
    expect(await shakeHands(pair, issue().caPem, "portcullis.policy.svc")).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  test("fails after the certificates have expired", async () => {
    const expired = issue({ lifeMs: -1000 });
    expect(await shakeHands(expired, expired.caPem, "portcullis.policy.svc")).toBe("CERT_HAS_EXPIRED");
  });

  test("fails for a name outside the CA's constraints", async () => {
    // Node has no code of its own for OpenSSL's "permitted subtree violation".
    const outside = signOutsideConstraints();
    expect(await shakeHands(outside, outside.caPem, "other.policy.svc")).toBe("UNSPECIFIED");
  });
});
