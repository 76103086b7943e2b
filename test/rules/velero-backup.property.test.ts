/** What must hold for every Pod, however odd, and not only for those that somebody thought of. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseGoDuration } from "../../src/kube/go-duration.ts";
import { applyPatches } from "../../src/kube/json-patch.ts";
import { annotationOf, type KubernetesObject } from "../../src/kube/objects.ts";
import type { RuleInput } from "../../src/rules/rule.ts";
import type { Params } from "../../src/rules/velero-backup/params.ts";
import { veleroBackup } from "../../src/rules/velero-backup/rule.ts";

const BACKUP_VOLUMES = "backup.velero.io/backup-volumes";
const EXCLUDED_VOLUMES = "backup.velero.io/backup-volumes-excludes";
const MARK = "portcullis.dev/backup-volumes";
const RESOURCES = [
  "pods",
  "deployments.apps",
  "statefulsets.apps",
  "daemonsets.apps",
  "jobs.batch",
  "cronjobs.batch",
  "persistentvolumeclaims",
];
const DEFAULTS: Params = {
  mode: "opt-in",
  normalise: true,
  includeJobs: false,
  includeEmptyDir: false,
  strictPlacement: false,
};

/** Few names, so that volumes, mounts and lists meet; some that the API server would refuse. */
const name = fc.constantFrom("data", "Data", "logs", "default-token-x", "constructor", "__proto__", "");
const source = fc.oneof(
  fc.constantFrom("data", "logs", "data-web-0").map((claimName) => ({ persistentVolumeClaim: { claimName } })),
  fc.constantFrom("", "Memory").map((medium) => ({ emptyDir: { medium } })),
  fc.constantFrom({ hostPath: { path: "/" } }, { ephemeral: {} }, { nfs: {} }, { persistentVolumeClaim: null }, {}),
);
const oddly = <T>(usual: fc.Arbitrary<T>) => fc.oneof({ weight: 12, arbitrary: usual }, fc.jsonValue({ maxDepth: 2 }));
const listOf = <T>(usual: fc.Arbitrary<T>) => oddly(fc.array(oddly(usual), { maxLength: 5 }));
const uses = listOf(fc.record({ name: oddly(name) }));
const containers = listOf(
  fc.record({ name, volumeMounts: uses, volumeDevices: uses, restartPolicy: fc.constantFrom("Always", 1) }),
);
const volumes = listOf(fc.tuple(oddly(name), source).map(([volumeName, rest]) => ({ name: volumeName, ...rest })));

const list = fc.array(fc.constantFrom("data", " data", "logs\n", "Logs", "claim", "*", "", " "), { maxLength: 5 });
const annotations = fc.dictionary(
  fc.constantFrom(
    BACKUP_VOLUMES,
    EXCLUDED_VOLUMES,
    MARK,
    "pre.hook.backup.velero.io/command",
    "pre.hook.backup.velero.io/container",
    "post.hook.restore.velero.io/exec-timeout",
    "init.hook.restore.velero.io/container-image",
  ),
  fc.oneof(
    list.map((items) => items.join(",")),
    fc.constantFrom("generated", "[", '["a"]', "30", "1h"),
    fc.string(),
  ),
);
const metadata = fc.record(
  {
    name: fc.constant("web"),
    annotations: fc.option(annotations),
    labels: fc.option(
      fc.dictionary(fc.constantFrom("velero.io/exclude-from-backup", BACKUP_VOLUMES), fc.constant("true")),
    ),
    ownerReferences: fc.option(fc.array(fc.record({ kind: fc.constantFrom("Job", 1), controller: fc.boolean() }))),
  },
  { requiredKeys: [] },
);
const podSpec = oddly(fc.record({ containers, initContainers: containers, volumes }, { requiredKeys: [] }));
const pod = fc.record({ metadata, spec: podSpec }) as fc.Arbitrary<KubernetesObject>;
const template = oddly(fc.record({ metadata: oddly(metadata), spec: podSpec }, { requiredKeys: [] }));
const workload = fc.record({
  metadata,
  spec: oddly(
    fc.record({
      template,
      jobTemplate: oddly(fc.record({ metadata: oddly(metadata), spec: oddly(fc.record({ template })) })),
      volumeClaimTemplates: listOf(fc.record({ metadata: oddly(fc.record({ name: oddly(name), annotations })) })),
    }),
  ),
}) as fc.Arbitrary<KubernetesObject>;
const params: fc.Arbitrary<Params> = fc.record({
  mode: fc.constantFrom("opt-in", "opt-out", "off"),
  normalise: fc.boolean(),
  includeJobs: fc.boolean(),
  includeEmptyDir: fc.boolean(),
  strictPlacement: fc.boolean(),
});

function inputOf(object: KubernetesObject, overrides: Partial<RuleInput<Params>> = {}): RuleInput<Params> {
  return {
    operation: "CREATE",
    object,
    request: { resource: "pods", kind: "", namespace: "application", username: "alice", trustedController: false },
    now: new Date("2026-11-21T12:00:00Z"),
    params: DEFAULTS,
    mutate: true,
    ...overrides,
  };
}

function namesIn(value: string | undefined): Set<string> {
  return new Set(
    (value ?? "")
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  );
}

describe("velero-backup", () => {
  it("has a verdict for whatever is in a spec, and writes to nothing", () => {
    fc.assert(
      fc.property(
        fc.oneof(pod, workload),
        params,
        fc.constantFrom(...RESOURCES),
        fc.constantFrom("CREATE" as const, "UPDATE" as const),
        fc.boolean(),
        (object, chosen, resource, operation, flag) => {
          const before = structuredClone(object);
          const request = { ...inputOf(object).request, resource, trustedController: flag };
          const verdict = veleroBackup.evaluate(inputOf(object, { operation, request, params: chosen, mutate: flag }));
          expect(object).toEqual(before);
          if (resource !== "pods" || operation !== "CREATE" || !flag) expect(verdict.patches).toEqual([]);
          for (const { path, message } of verdict.violations) {
            expect(path).toMatch(/^\//);
            expect(message).not.toMatch(/\p{Cc}/u);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("F-73: patches a Pod twice as it does once", () => {
    fc.assert(
      fc.property(pod, params, (object, chosen) => {
        const patched = applyPatches(object, veleroBackup.evaluate(inputOf(object, { params: chosen })).patches);
        expect(veleroBackup.evaluate(inputOf(patched, { params: chosen })).patches).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it("leaves nothing to report about a list of its own, nor about the spaces of another", () => {
    const aboutSpaces = ["VEL-SPACE", "VEL-EMPTY-ITEM", "VEL-DUP"];
    const aboutNames = [...aboutSpaces, "VEL-UNKNOWN", "VEL-UNMOUNTED", "VEL-BLOCK", "VEL-MISSING", "VEL-CONFLICT"];
    const isPatched = ({ metadata: meta }: KubernetesObject) =>
      meta?.labels?.["velero.io/exclude-from-backup"] !== "true" &&
      !meta?.ownerReferences?.some((owner) => owner.controller);
    fc.assert(
      fc.property(pod.filter(isPatched), (object) => {
        const patched = applyPatches(object, veleroBackup.evaluate(inputOf(object)).patches);
        const { violations } = veleroBackup.evaluate(inputOf(patched));
        const isGenerated = annotationOf(patched, MARK) === "generated";
        const codes = violations.map(({ code }) => code);
        expect(codes.filter((code) => (isGenerated ? aboutNames : aboutSpaces).includes(code))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it("neither adds a name to a user's list nor takes one away", () => {
    fc.assert(
      fc.property(pod, params, list, (object, chosen, items) => {
        const value = items.join(",");
        const listed = { ...object, metadata: { ...object.metadata, annotations: { [BACKUP_VOLUMES]: value } } };
        const patched = applyPatches(listed, veleroBackup.evaluate(inputOf(listed, { params: chosen })).patches);
        expect(namesIn(annotationOf(patched, BACKUP_VOLUMES))).toEqual(namesIn(value));
        expect(annotationOf(patched, MARK)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it("names exactly the mounted claims that are not excluded", () => {
    const claims = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { minLength: 1 });
    fc.assert(
      fc.property(claims, claims, claims, (claimed, mounted, excluded) => {
        const object: KubernetesObject = {
          metadata: { annotations: { [EXCLUDED_VOLUMES]: excluded.join(" , ") } },
          spec: {
            containers: [{ volumeMounts: mounted.map((volume) => ({ name: volume })) }],
            volumes: claimed.map((volume) => ({ name: volume, persistentVolumeClaim: { claimName: `of-${volume}` } })),
          },
        };
        const wanted = claimed.filter((volume) => mounted.includes(volume) && !excluded.includes(volume));
        const patched = applyPatches(object, veleroBackup.evaluate(inputOf(object)).patches);
        expect(annotationOf(patched, BACKUP_VOLUMES)).toBe(wanted.length > 0 ? wanted.join(",") : undefined);
      }),
    );
  });

  it.each(["opt-in", "opt-out"] as const)("with %s stays quick when a request is made to keep it busy", (mode) => {
    // As much as the 3 MiB of a request hold: volumes that are nearly alike, and lists of 256 KiB that nearly name them.
    const volumes = Array.from({ length: 30_000 }, (_, index) => `${"v".repeat(50)}${index}`);
    const near = volumes.slice(0, 2000).map((volume) => `${volume}x`);
    const short = Array.from({ length: 130_000 }, (_, index) => index.toString(36));
    const object: KubernetesObject = {
      metadata: { annotations: { [BACKUP_VOLUMES]: near.join(","), [EXCLUDED_VOLUMES]: short.join(" ,") } },
      spec: {
        containers: [{ volumeMounts: volumes.map((volume) => ({ name: volume })) }],
        volumes: volumes.map((volume) => ({ name: volume, persistentVolumeClaim: { claimName: volume } })),
      },
    };
    const startedMs = performance.now();
    const { violations } = veleroBackup.evaluate(inputOf(object, { params: { ...DEFAULTS, mode } }));
    expect(violations.length).toBeGreaterThan(100_000);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});

describe("parseGoDuration", () => {
  it.each([
    ["0", 0],
    ["-0", 0],
    ["+0", 0],
    ["3m", 180e9],
    ["1h30m", 5400e9],
    [".5m", 30e9],
    ["1.s", 1e9],
    ["-1.5h", -5400e9],
    ["2us", 2000],
    ["2\u00b5s", 2000],
    ["2\u03bcs", 2000],
    ["100ms1ns", 100_000_001],
    ["2562047h", 2_562_047 * 3600e9],
  ])("reads %s", (text, nanoseconds) => {
    expect((parseGoDuration(text) ?? Number.NaN) + 0).toBe(nanoseconds);
  });

  it.each(["", "+", "-", "30", "1d", ".s", ".", "1h 30m", " 1h", "1H", "s", "3m!", "--1s", "1e3s", "2562048h"])(
    "refuses %j",
    (text) => expect(parseGoDuration(text)).toBeUndefined(),
  );
});
