/** What holds for every bundle, whoever wrote it; single cases are in tls-bundle.test.ts. */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type BundleMerge, type DropReason, mergeBundle } from "../../src/tls/bundle.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { BACKDATE_MS } from "../../src/tls/profile.ts";

const MINUTE_MS = 60 * 1000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NOW = new Date("2026-06-01T12:00:00Z");

/** With a life of 30 days. */
function issueCa(podUid: string | undefined, ageMs = DAY_MS): string {
  const issuedMs = NOW.getTime() - ageMs;
  return issueCertificates({
    names: { service: "portcullis", namespace: "policy" },
    podUid,
    keyAlgorithm: "ecdsa-p256",
    notBefore: new Date(issuedMs - BACKDATE_MS),
    notAfter: new Date(issuedMs + 30 * DAY_MS),
  }).caPem;
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

const ownCaPem = issueCa("own", 0);
const MERGE: BundleMerge = { ownCaPem, now: NOW, ownPodUid: "own", livePodUids: new Set(["own", "live"]) };

function merge(currentPem: string, changes: Partial<BundleMerge> = {}) {
  return mergeBundle({ ...MERGE, currentBase64: toBase64(currentPem), ...changes });
}

interface Piece {
  readonly pem: string;
  readonly fate: DropReason | "keep";
}
const foreign = rootCertificates
  .filter((pem) => new X509Certificate(pem).validToDate > NOW)
  .slice(0, 12)
  .map((pem) => ({ pem: new X509Certificate(pem).toString(), fate: "keep" as const }));
const pieces: readonly Piece[] = [
  ...foreign,
  { pem: ownCaPem, fate: "keep" },
  { pem: issueCa("live"), fate: "keep" },
  { pem: issueCa("young", MINUTE_MS), fate: "keep" },
  { pem: issueCa(undefined), fate: "keep" },
  { pem: issueCa("gone"), fate: "pod-gone" },
  { pem: issueCa("own"), fate: "superseded" },
  { pem: issueCa("live", 40 * DAY_MS), fate: "expired" },
  { pem: "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n", fate: "unparsable" },
  { pem: "-----BEGIN CERTIFICATE-----\nMIIB\n", fate: "unparsable" },
  { pem: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", fate: "unparsable" },
];
const somePieces = fc.array(fc.constantFrom(...pieces), { maxLength: 30 });
const someText = fc.array(
  fc.tuple(
    fc.constantFrom(...pieces),
    fc.constantFrom(
      (pem: string) => pem,
      (pem: string) => pem.trimEnd(),
      (pem: string) => pem.replaceAll("\n", "\r\n"),
      (pem: string) => `# a comment\n${pem}\n\n`,
    ),
  ),
  { maxLength: 30 },
);
const STRICT =
  /^(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE-----\n)+$/;

test("the result is exactly what should stay, in order, each once, then our own", () => {
  fc.assert(
    fc.property(someText, (written) => {
      const merged = merge(written.map(([{ pem }, write]) => write(pem)).join(""));
      const kept = new Set(written.filter(([{ fate }]) => fate === "keep").map(([{ pem }]) => pem));
      expect(merged.keptCount).toBe(kept.size);
      expect(merged.bundlePem).toBe([...kept.add(ownCaPem)].join(""));
      expect(merged.keptCount + merged.dropped.length).toBe(written.length);
    }),
  );
});

test("every dropped certificate has its reason", () => {
  fc.assert(
    fc.property(somePieces, (current) => {
      const { dropped } = merge(current.map(({ pem }) => pem).join(""));
      const count = (reason: string) => dropped.filter((one) => one.reason === reason).length;
      for (const fate of ["expired", "superseded", "pod-gone", "unparsable"]) {
        expect(count(fate)).toBe(current.filter((piece) => piece.fate === fate).length);
      }
      const keep = current.filter(({ fate }) => fate === "keep");
      expect(count("duplicate")).toBe(keep.length - new Set(keep).size);
    }),
  );
});

test("merging again changes nothing", () => {
  fc.assert(
    fc.property(someText, (written) => {
      const first = merge(written.map(([{ pem }, write]) => write(pem)).join(""));
      const second = mergeBundle({ ...MERGE, currentBase64: first.bundleBase64 });
      expect(second).toMatchObject({ bundleBase64: first.bundleBase64, changed: false, dropped: [] });
    }),
  );
});

test("two Pods end with the same CAs, whoever was first", () => {
  const otherCaPem = issueCa("live", 0);
  const other: Partial<BundleMerge> = { ownCaPem: otherCaPem, ownPodUid: "live" };
  fc.assert(
    fc.property(somePieces, (current) => {
      const text = current.map(({ pem }) => pem).join("");
      const sorted = (pem: string) => pem.split(/(?=-----BEGIN)/).sort();
      const ownFirst = merge(merge(text).bundlePem, other).bundlePem;
      const otherFirst = merge(merge(text, other).bundlePem).bundlePem;
      expect(sorted(ownFirst)).toEqual(sorted(otherFirst));
    }),
  );
});

test("whatever was there, the result is strict PEM with our own CA in it", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.string().map(toBase64)), (currentBase64) => {
      const { bundlePem, bundleBase64 } = mergeBundle({ ...MERGE, currentBase64 });
      expect(bundlePem).toMatch(STRICT);
      expect(bundlePem).toContain(ownCaPem);
      expect(bundleBase64).toBe(toBase64(bundlePem));
    }),
  );
  fc.assert(
    fc.property(somePieces, fc.string(), (current, noise) => {
      const { bundlePem } = merge(current.map(({ pem }) => pem).join(noise));
      expect(bundlePem).toMatch(STRICT);
      expect(bundlePem).toContain(ownCaPem);
    }),
  );
});
