import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { checkPair, readCertificates } from "../../src/tls/inspect.ts";
import { type CertificateOrder, issueCertificates } from "../../src/tls/issue.ts";
import { dnsNamesOf, podUidOfCa, subjectNames } from "../../src/tls/profile.ts";

const POD_UID = "0b0e2a5c-57a5-4a8e-9a53-0d6a3b6f2d10";
const NOW = new Date("2026-06-01T12:00:00Z");
const LONG_NAMES = { service: "s".repeat(63), namespace: "n".repeat(63) };
const ORDER: CertificateOrder = {
  names: { service: "portcullis", namespace: "policy" },
  podUid: POD_UID,
  keyAlgorithm: "ecdsa-p256",
  notBefore: new Date("2026-06-01T11:00:00.987Z"),
  notAfter: new Date("2027-06-01T12:00:00Z"),
};

function issue(changes: Partial<CertificateOrder> = {}) {
  const order = { ...ORDER, ...changes };
  const pair = issueCertificates(order);
  return { order, pair, ca: new X509Certificate(pair.caPem), leaf: new X509Certificate(pair.certPem) };
}

describe.each(["ecdsa-p256", "rsa-2048", "rsa-4096"] as const)("%s", (keyAlgorithm) => {
  const { order, pair, ca, leaf } = issue({ keyAlgorithm });

  test("passes the self-check", () => {
    expect(checkPair(pair, order.names, NOW)).toEqual([]);
  });

  test("uses the key that was asked for, a different one for CA and leaf", () => {
    const wanted =
      keyAlgorithm === "ecdsa-p256" ? { type: "ec" } : { type: "rsa", bits: Number(keyAlgorithm.slice(4)) };
    for (const { asymmetricKeyType: type, asymmetricKeyDetails: details } of [ca.publicKey, leaf.publicKey]) {
      expect({ type, bits: details?.modulusLength }).toEqual({ bits: undefined, ...wanted });
      expect(details?.namedCurve).toBe(keyAlgorithm === "ecdsa-p256" ? "prime256v1" : undefined);
    }
    expect(ca.publicKey.equals(leaf.publicKey)).toBe(false);
  });

  test("hands out one private key, the leaf's", () => {
    expect(Object.values(pair).filter((pem) => pem.includes("PRIVATE KEY"))).toEqual([pair.keyPem]);
    expect(ca.checkPrivateKey(createPrivateKey(pair.keyPem))).toBe(false);
    expect(pair.keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });
});

test("names the subjects after the Service, the kind and the Pod", () => {
  const { ca, leaf } = issue();
  expect(ca.subject).toBe(`O=portcullis.policy\nCN=portcullis-ca-${POD_UID}`);
  expect(ca.issuer).toBe(ca.subject);
  expect(leaf.subject).toBe(`O=portcullis.policy\nCN=portcullis-leaf-${POD_UID}`);
  expect(leaf.issuer).toBe(ca.subject);
});

test("the leaf is for every name of the Service", () => {
  const { leaf } = issue();
  expect(leaf.subjectAltName).toBe(
    "DNS:portcullis, DNS:portcullis.policy, DNS:portcullis.policy.svc, DNS:portcullis.policy.svc.cluster.local",
  );
});

test("both are valid from and until the second that was asked for", () => {
  const { ca, leaf } = issue();
  for (const certificate of [ca, leaf]) {
    expect(certificate.validFromDate).toEqual(new Date("2026-06-01T11:00:00Z"));
    expect(certificate.validToDate).toEqual(new Date("2027-06-01T12:00:00Z"));
  }
});

test("a shared CA is named by its serial number and belongs to no Pod", () => {
  const { ca } = issue({ podUid: undefined });
  const [facts] = readCertificates(ca.toString()).certificates;
  expect(facts?.commonName).toBe(`portcullis-ca-serial-${ca.serialNumber.toLowerCase()}`);
  expect(podUidOfCa(facts?.commonName)).toBeUndefined();
});

test("a Pod's UID is read back from the CA's name, and from nothing else", () => {
  expect(podUidOfCa(`portcullis-ca-${POD_UID}`)).toBe(POD_UID);
  expect(podUidOfCa(`portcullis-leaf-${POD_UID}`)).toBeUndefined();
  expect(podUidOfCa("Some CA")).toBeUndefined();
  expect(podUidOfCa(undefined)).toBeUndefined();
});

describe("long names", () => {
  test("63 and 63 characters make a good pair", () => {
    const { pair, ca, leaf } = issue({ names: LONG_NAMES });
    expect(checkPair(pair, LONG_NAMES, NOW)).toEqual([]);
    expect(leaf.subjectAltName?.split(", ")).toEqual(
      dnsNamesOf(LONG_NAMES.service, LONG_NAMES.namespace).map((name) => `DNS:${name}`),
    );
    const hash = createHash("sha256").update(`${LONG_NAMES.service}.${LONG_NAMES.namespace}`).digest("hex");
    expect(ca.subject.split("\n")[0]).toBe(`O=${"s".repeat(47)}_${hash.slice(0, 16)}`);
  });

  test("the organization is written out up to 64 characters and never longer", () => {
    const namespace = "n".repeat(30);
    expect(subjectNames("s".repeat(33), namespace).organization).toBe(`${"s".repeat(33)}.${namespace}`);
    expect(subjectNames("s".repeat(34), namespace).organization).toMatch(/^s{34}\.n{12}_[0-9a-f]{16}$/);
  });

  test("names with the same beginning have different organizations", () => {
    const other = subjectNames(LONG_NAMES.service, `${"n".repeat(62)}x`).organization;
    expect(other).not.toBe(subjectNames(LONG_NAMES.service, LONG_NAMES.namespace).organization);
  });
});

describe("serial numbers", () => {
  test("of 1,000 issues are positive, at most 20 octets, and all different", () => {
    const seen = new Set<string>();
    for (let count = 0; count < 1000; count++) {
      const { ca, leaf } = issue();
      for (const { serialNumber } of [ca, leaf]) {
        expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
        seen.add(serialNumber);
      }
    }
    expect(seen.size).toBe(2000);
  });

  test.each([0x00, 0x80, 0xff])("stay positive and 16 octets long when every random byte is %i", (byte) => {
    const { caPem } = issueCertificates(ORDER, (size) => Buffer.alloc(size, byte));
    expect(new X509Certificate(caPem).serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  });
});

describe("dates", () => {
  const UTC_TIME = Buffer.of(0x17, 13);
  const GENERALIZED_TIME = Buffer.of(0x18, 15);

  test.each([
    ["2049-12-31T23:59:59Z", Buffer.concat([UTC_TIME, Buffer.from("491231235959Z")])],
    ["2050-01-01T00:00:00Z", Buffer.concat([GENERALIZED_TIME, Buffer.from("20500101000000Z")])],
    ["2123-02-03T04:05:06Z", Buffer.concat([GENERALIZED_TIME, Buffer.from("21230203040506Z")])],
  ])("%s is written in the type that RFC 5280 asks for", (date, der) => {
    const { order, pair, ca, leaf } = issue({ notAfter: new Date(date) });
    for (const certificate of [ca, leaf]) {
      expect(certificate.raw.includes(der)).toBe(true);
      expect(certificate.validToDate).toEqual(new Date(date));
    }
    expect(checkPair(pair, order.names, new Date(date))).toEqual([]);
  });

  test("from 2050 on, both dates are GeneralizedTime", () => {
    const { leaf } = issue({ notBefore: new Date("2050-06-01T00:00:00Z"), notAfter: new Date("2051-06-01T00:00:00Z") });
    expect(leaf.raw.includes(UTC_TIME)).toBe(false);
    expect(leaf.validFromDate).toEqual(new Date("2050-06-01T00:00:00Z"));
  });
});
