import { describe, expect, test } from "vitest";
import { type BundleMerge, type DropReason, mergeBundle } from "../../src/tls/bundle.ts";
import { issueCertificates } from "../../src/tls/issue.ts";
import { BACKDATE_MS } from "../../src/tls/profile.ts";

const MINUTE_MS = 60 * 1000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NOW = new Date("2026-06-01T12:00:00Z");
const OUR_SERVICE = { service: "portcullis", namespace: "policy" };

interface IssueOptions {
  readonly names?: typeof OUR_SERVICE;
  readonly podUid?: string | undefined;
  readonly ageMs?: number;
  readonly lifeMs?: number;
}

function issueCa({ names = OUR_SERVICE, podUid, ageMs = DAY_MS, lifeMs = 30 * DAY_MS }: IssueOptions): string {
  const issuedMs = NOW.getTime() - ageMs;
  const notBefore = new Date(issuedMs - BACKDATE_MS);
  const notAfter = new Date(issuedMs + lifeMs);
  return issueCertificates({ names, podUid, keyAlgorithm: "ecdsa-p256", notBefore, notAfter }).caPem;
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

const ownCaPem = issueCa({ podUid: "own", ageMs: 0 });
const MERGE: BundleMerge = { ownCaPem, now: NOW, ownPodUid: "own", livePodUids: new Set(["own", "live"]) };

function merge(currentPem: string, changes: Partial<BundleMerge> = {}) {
  return mergeBundle({ ...MERGE, currentBase64: toBase64(currentPem), ...changes });
}

describe("one certificate in the bundle", () => {
  const otherService = { service: "other", namespace: "policy" };
  const expired = { ageMs: 40 * DAY_MS };

  test.each<[string, IssueOptions, DropReason | "keep"]>([
    ["of a live Pod", { podUid: "live" }, "keep"],
    ["of a Pod that is gone", { podUid: "gone" }, "pod-gone"],
    ["of a Pod that is gone, ten minutes old", { podUid: "gone", ageMs: 10 * MINUTE_MS }, "keep"],
    ["of a Pod that is gone, a second older", { podUid: "gone", ageMs: 10 * MINUTE_MS + 1000 }, "pod-gone"],
    ["of our Pod, of an earlier start", { podUid: "own", ageMs: MINUTE_MS }, "superseded"],
    ["of a live Pod, expired", { podUid: "live", ...expired }, "expired"],
    ["shared by Pods", { podUid: undefined }, "keep"],
    ["shared by Pods, expired", { podUid: undefined, ...expired }, "expired"],
    ["of a Pod of another Service", { names: otherService, podUid: "gone" }, "keep"],
    ["of another Service, with our Pod's UID", { names: otherService, podUid: "own" }, "keep"],
    ["of another Service, expired", { names: otherService, ...expired }, "expired"],
  ])("%s", (_, options, fate) => {
    const pem = issueCa(options);
    const { bundlePem, dropped, keptCount } = merge(pem);
    expect(dropped.map(({ reason }) => reason)).toEqual(fate === "keep" ? [] : [fate]);
    expect(keptCount).toBe(fate === "keep" ? 1 : 0);
    expect(bundlePem).toBe(fate === "keep" ? pem + ownCaPem : ownCaPem);
  });

  test("in its last second is kept, and dropped after it", () => {
    const pem = issueCa({ podUid: "live", ageMs: DAY_MS, lifeMs: DAY_MS });
    expect(merge(pem).dropped).toEqual([]);
    const [dropped] = merge(pem, { now: new Date(NOW.getTime() + 1000) }).dropped;
    expect(dropped).toMatchObject({ reason: "expired", certificate: { commonName: "portcullis-ca-live", pem } });
  });
});

describe("what the caller knows", () => {
  const gone = issueCa({ podUid: "gone" });
  const ownBefore = issueCa({ podUid: "own" });

  test("without a list of Pods, no Pod is gone", () => {
    expect(merge(gone, { livePodUids: undefined }).dropped).toEqual([]);
  });

  test("a CA made after the list was taken is not gone", () => {
    const podListedAt = new Date(NOW.getTime() - DAY_MS + 5 * MINUTE_MS);
    expect(merge(gone, { podListedAt }).dropped).toEqual([]);
  });

  test("without ownPodUid, the CA that still serves stays beside the new one, whatever the list says", () => {
    const { bundlePem } = merge(ownBefore, { ownPodUid: undefined, livePodUids: new Set() });
    expect(bundlePem).toBe(ownBefore + ownCaPem);
  });

  test("our own CA keeps its place and is never dropped", () => {
    const live = issueCa({ podUid: "live" });
    for (const changes of [{}, { livePodUids: new Set<string>() }, { now: new Date(NOW.getTime() + 400 * DAY_MS) }]) {
      expect(merge(ownCaPem + live, changes).bundlePem.startsWith(ownCaPem)).toBe(true);
    }
  });

  test.each(["", "garbage", ownCaPem + gone])("a CA to add that isn't exactly one certificate is a bug", (wrong) => {
    expect(() => merge("", { ownCaPem: wrong })).toThrow("exactly one certificate");
  });
});

describe("the encoding", () => {
  const live = issueCa({ podUid: "live" });
  const current = live + ownCaPem;

  test("nothing to do: the very same base64 comes back", () => {
    const currentBase64 = toBase64(current);
    const merged = mergeBundle({ ...MERGE, currentBase64 });
    expect(merged).toEqual({
      bundlePem: current,
      bundleBase64: currentBase64,
      changed: false,
      keptCount: 2,
      dropped: [],
    });
  });

  test.each([
    ["CRLF", current.replaceAll("\n", "\r\n")],
    ["no newline between", live.trimEnd() + ownCaPem],
    ["no newline at the end", current.trimEnd()],
    ["text between", `${live}# ours\n${ownCaPem}`],
  ])("%s is encoded anew, and nothing is dropped", (_, text) => {
    expect(merge(text)).toMatchObject({ bundlePem: current, changed: true, keptCount: 2, dropped: [] });
  });

  test.each([undefined, "", "%%% no base64", toBase64("no certificate"), toBase64("-----END CERTIFICATE-----")])(
    "%j counts as empty",
    (currentBase64) => {
      const merged = mergeBundle({ ...MERGE, currentBase64 });
      expect(merged).toMatchObject({ bundlePem: ownCaPem, changed: true, keptCount: 0, dropped: [] });
    },
  );

  test("500 CAs of live Pods all stay", () => {
    const podUids = Array.from({ length: 500 }, (_, index) => `pod-${index}`);
    const bundle = podUids.map((podUid) => issueCa({ podUid })).join("");
    const merged = merge(bundle, { livePodUids: new Set(podUids) });
    expect(merged).toMatchObject({ bundlePem: bundle + ownCaPem, keptCount: 500, dropped: [] });
  });
});
