import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { describe, expect, test } from "vitest";
import {
  basicConstraintsOfCa,
  basicConstraintsOfLeaf,
  signCertificate,
  subjectAltName,
} from "../../src/tls/certificate-der.ts";
import * as der from "../../src/tls/der.ts";
import { checkPair, checkPairAgrees, readCertificates } from "../../src/tls/inspect.ts";
import { issueCertificates } from "../../src/tls/issue.ts";

const NAMES = { service: "portcullis", namespace: "policy" };
const NOT_BEFORE = new Date("2026-06-01T11:00:00Z");
const NOT_AFTER = new Date("2026-07-01T12:00:00Z");
const NOW = new Date("2026-06-01T12:00:00Z");

function issue(podUid = "pod-1") {
  return issueCertificates({
    names: NAMES,
    podUid,
    keyAlgorithm: "ecdsa-p256",
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
  });
}

const pair = issue();
const BROKEN = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";

describe("readCertificates", () => {
  const both = readCertificates(pair.caPem + pair.certPem);

  test("says what a certificate says", () => {
    const certificate = new X509Certificate(pair.caPem);
    expect(readCertificates(pair.caPem)).toEqual({
      unparsableCount: 0,
      certificates: [
        {
          pem: pair.caPem,
          notBefore: NOT_BEFORE,
          notAfter: NOT_AFTER,
          organization: "portcullis.policy",
          commonName: "portcullis-ca-pod-1",
          fingerprint: certificate.fingerprint256,
          serialNumber: certificate.serialNumber,
        },
      ],
    });
  });

  test.each([
    ["CRLF", (pair.caPem + pair.certPem).replaceAll("\n", "\r\n")],
    ["no newline between the blocks", pair.caPem.trimEnd() + pair.certPem.trimEnd()],
    ["text around the blocks", `Bag Attributes\n    friendlyName: ca\n${pair.caPem}# the leaf\n${pair.certPem}bye`],
    ["indentation", (pair.caPem + pair.certPem).replaceAll(/^/gm, "    ")],
    ["base64 in one line", (pair.caPem + pair.certPem).replaceAll(/(?<=[\w+/=])\n(?=[\w+/=])/g, "")],
  ])("tolerates %s", (_, pem) => {
    expect(readCertificates(pem)).toEqual(both);
  });

  test.each([
    ["no certificate in it", BROKEN],
    ["no base64", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"],
    ["nothing in it", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"],
    ["no end", pair.certPem.slice(0, 200)],
    ["half of its bytes", `${pair.certPem.slice(0, 28 + 130)}\n-----END CERTIFICATE-----\n`],
  ])("drops and counts a block with %s", (_, block) => {
    expect(readCertificates(pair.caPem + block + pair.certPem)).toEqual({ ...both, unparsableCount: 1 });
  });

  test.each(["", "garbage", "\0\xff", "-----END CERTIFICATE-----", pair.keyPem])("finds nothing in %j", (text) => {
    expect(readCertificates(text)).toEqual({ certificates: [], unparsableCount: 0 });
  });

  test("reads the root certificates of the world, byte for byte", () => {
    const { certificates, unparsableCount } = readCertificates(rootCertificates.join("\n"));
    expect(unparsableCount).toBe(0);
    const withoutSpace = (pem: string) => pem.replaceAll(/\s/g, "");
    expect(certificates.map(({ pem }) => withoutSpace(pem))).toEqual(rootCertificates.map(withoutSpace));
  });

  test("is not deceived by a name that holds a line break, and reads an odd subject", () => {
    const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const name = { organization: "x\nO=portcullis.policy", commonName: "a + b, c\\é" };
    const [facts] = readCertificates(
      signCertificate(
        {
          serialNumber: Buffer.of(1),
          issuer: name,
          subject: name,
          notBefore: NOT_BEFORE,
          notAfter: NOT_AFTER,
          publicKey: keys.publicKey,
          extensions: [basicConstraintsOfCa()],
        },
        keys.privateKey,
      ),
    ).certificates;
    expect(facts?.organization).toBe("x\\0AO=portcullis.policy");
    expect(facts?.commonName).toContain("é");
  });

  /** Made with `openssl req -x509 -subj / -days 36500`, P-256. */
  test("an empty subject has neither O nor CN", () => {
    const [facts] = readCertificates(EMPTY_SUBJECT).certificates;
    expect(facts).toMatchObject({ organization: undefined, commonName: undefined });
  });
});

describe("checkPair", () => {
  test("has nothing to say about a good pair, from its first second to its last", () => {
    for (const now of [NOT_BEFORE, NOW, NOT_AFTER]) expect(checkPair(pair, NAMES, now)).toEqual([]);
  });

  test.each([
    ["another key", { ...pair, keyPem: issue().keyPem }, "the private key does not belong to the server's certificate"],
    ["another CA", { ...pair, caPem: issue().caPem }, "the server's certificate was not signed by the CA"],
    ["no key", { ...pair, keyPem: "" }, "the private key is not an unencrypted key in PEM"],
    ["a broken CA", { ...pair, caPem: BROKEN }, "the CA is not a certificate in PEM"],
    ["no certificate", { ...pair, certPem: "" }, "the server's certificate is not a certificate in PEM"],
  ])("refuses %s", (_, broken, problem) => {
    expect(checkPair(broken, NAMES, NOW)).toEqual([problem]);
    expect(checkPairAgrees(broken)).toEqual([problem]);
  });

  test("refuses a leaf in place of the CA", () => {
    expect(checkPair({ ...pair, caPem: pair.certPem }, NAMES, NOW)).toEqual([
      "the CA may not sign certificates (basicConstraints)",
      "the server's certificate was not signed by the CA",
    ]);
  });

  test("refuses another Service's certificate", () => {
    const [problem, ...rest] = checkPair(pair, { service: "portcullis", namespace: "other" }, NOW);
    expect(problem).toMatch(/^the server's certificate is not for portcullis\.other\.svc \(DNS:portcullis, /);
    expect(rest).toEqual([]);
  });

  test("that the three belong together has nothing to do with names and dates", () => {
    expect(checkPair(pair, { service: "other", namespace: "policy" }, new Date("2030-01-01"))).toHaveLength(3);
    expect(checkPairAgrees(pair)).toEqual([]);
  });

  test("says for each certificate when its time is", () => {
    expect(checkPair(pair, NAMES, new Date("2026-06-01T10:59:59Z"))).toEqual([
      "the CA is not valid before 2026-06-01T11:00:00.000Z",
      "the server's certificate is not valid before 2026-06-01T11:00:00.000Z",
    ]);
    expect(checkPair(pair, NAMES, new Date("2026-07-01T12:00:01Z"))).toEqual([
      "the CA expired at 2026-07-01T12:00:00.000Z",
      "the server's certificate expired at 2026-07-01T12:00:00.000Z",
    ]);
  });

  describe("of certificates that portcullis didn't issue", () => {
    const caKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const leafKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const issuer = { organization: "o", commonName: "ca" };
    const common = { issuer, serialNumber: Buffer.of(1), notBefore: NOT_BEFORE, notAfter: NOT_AFTER };
    const caPem = signCertificate(
      { ...common, subject: issuer, publicKey: caKeys.publicKey, extensions: [basicConstraintsOfCa()] },
      caKeys.privateKey,
    );
    const keyPem = leafKeys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

    function signLeaf(extensions: readonly der.DerValue[]) {
      const subject = { organization: "o", commonName: "portcullis.policy.svc" };
      const fields = { ...common, subject, publicKey: leafKeys.publicKey, extensions };
      return { caPem, keyPem, certPem: signCertificate(fields, caKeys.privateKey) };
    }

    test("one without extended key usages is good for serverAuth", () => {
      const leaf = signLeaf([basicConstraintsOfLeaf(), subjectAltName(["portcullis.policy.svc"])]);
      expect(checkPair(leaf, NAMES, NOW)).toEqual([]);
    });

    test("one for clientAuth only is refused", () => {
      const clientAuth = der.encode(der.sequence(der.objectIdentifier("1.3.6.1.5.5.7.3.2")));
      const extendedKeyUsage = der.sequence(der.objectIdentifier("2.5.29.37"), der.octetString(clientAuth));
      const leaf = signLeaf([basicConstraintsOfLeaf(), subjectAltName(["portcullis.policy.svc"]), extendedKeyUsage]);
      expect(checkPair(leaf, NAMES, NOW)).toEqual(["the server's certificate is not for serverAuth"]);
    });

    test("F-101: a common name is no replacement for subjectAltName", () => {
      expect(checkPair(signLeaf([basicConstraintsOfLeaf()]), NAMES, NOW)).toEqual([
        "the server's certificate is not for portcullis.policy.svc (no subjectAltName)",
      ]);
    });
  });
});

const EMPTY_SUBJECT = `-----BEGIN CERTIFICATE-----
MIIBVjCB/aADAgECAhQSTKeQzEvRrLu68LVLSdOdaCGL+TAKBggqhkjOPQQDAjAA
MCAXDTI2MTEyMTAzMDgzMloYDzIxMjYxMDI4MDMwODMyWjAAMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAEzun6U/OUv3f/S9Ls8J64uOakCmV5kLtIBVDQtGLF7rpJ
RYsBs6HA+AKr7pIRxQnOrNUjaOgSZ9yA7anPfumAg6NTMFEwHQYDVR0OBBYEFPU0
qhpczHc+CLzgD2VPK4Lo/oeKMB8GA1UdIwQYMBaAFPU0qhpczHc+CLzgD2VPK4Lo
/oeKMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAPMaE77alAMw
LQ/w6bSezD7xiO34oTcEg2TdFs+hluZOAiA06keMiAafjrMuuBYcKUUXUbaOeNGa
XqEzwMZapSAjSA==
-----END CERTIFICATE-----
`;
