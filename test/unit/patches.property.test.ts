/** Every patch that the pipeline makes: once and no more, right when it is judged, and nothing but what is configured. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { annotationOf, type KubernetesObject, recordField } from "../../src/kube/objects.ts";
import { indexPolicies, type PolicyIndex } from "../../src/policy/policy-index.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import { veleroBackup } from "../../src/rules/velero-backup/rule.ts";
import { askPipeline, patchedBy, shippedPolicies } from "../support/ask-pipeline.ts";
import { policyOf, ruleOf, verdictOf } from "../support/policies.ts";
import { requestFor } from "../support/request-for.ts";
import { patchesOf } from "../support/reviews.ts";
import { createdObjects } from "../support/valid-reviews.ts";

const VOLUMES = "backup.velero.io/backup-volumes";
const MARK = "portcullis.dev/backup-volumes";
const REWRITE = "ingress.kubernetes.io/rewrite-target";
const SHIPPED = indexPolicies(shippedPolicies());
/** All that can be made to patch, at once. */
const PATCHING = indexPolicies([
  policyOf(ingressBucket, { params: { addRewrite: "legacy" } }, "rewrites"),
  policyOf(requiredLabels, { params: { labels: [{ anyOf: ["team"], default: "none" }] } }, "team"),
  policyOf(veleroBackup, { params: { includeJobs: true, includeEmptyDir: true } }, "velero"),
]);
const SETS = [
  ["the shipped policies", SHIPPED, 10_000, [VOLUMES, MARK]],
  ["all that can be made to patch", PATCHING, 4_000, [VOLUMES, MARK, REWRITE, "team"]],
] as const;
const LONG = { timeout: 300_000 };

const created = (object: KubernetesObject) => requestFor(object, undefined, { name: "" });

/** How many of the objects were patched; throws what `check` throws, with the smallest object. */
function checkPatched(
  policies: PolicyIndex,
  numRuns: number,
  check: (patched: KubernetesObject, object: KubernetesObject) => void,
): number {
  let count = 0;
  fc.assert(
    fc.property(createdObjects, (object) => {
      const { response } = askPipeline(policies, "mutate", created(object));
      if (response.patch === undefined) return;
      count++;
      check(patchedBy(response, object), object);
    }),
    { numRuns },
  );
  return count;
}

function checkOnce(policies: PolicyIndex, object: KubernetesObject): void {
  const { response, problems } = askPipeline(policies, "mutate", created(object));
  expect(problems).toEqual([]);
  expect(response).not.toHaveProperty("patch");
  expect(response).not.toHaveProperty("patchType");
}

/** What another webhook makes of a Pod between two calls. */
function withSidecar(pod: KubernetesObject): KubernetesObject {
  const spec = (pod.spec ?? {}) as { containers?: unknown; volumes?: unknown };
  const list = (value: unknown) => (Array.isArray(value) ? value : []);
  const volume = { name: "sidecar-data", persistentVolumeClaim: { claimName: "sidecar" } };
  const sidecar = { name: "sidecar", image: "a", volumeMounts: [{ name: "sidecar-data", mountPath: "/data" }] };
  return {
    ...pod,
    spec: { ...spec, containers: [...list(spec.containers), sidecar], volumes: [...list(spec.volumes), volume] },
  };
}

describe.each(SETS)("G-6: with %s", (_name, policies, numRuns) => {
  it("what has been patched is patched again only when another has changed it, and then once", LONG, () => {
    const count = checkPatched(policies, numRuns, (patched, object) => {
      checkOnce(policies, patched);
      if (object.kind !== "Pod") return;
      const changed = withSidecar(patched);
      const again = patchedBy(askPipeline(policies, "mutate", created(changed)).response, changed);
      checkOnce(policies, again);
      const isNewList = annotationOf(object, MARK) === undefined && annotationOf(patched, MARK) === "generated";
      if (isNewList) expect(annotationOf(again, VOLUMES)).toMatch(/(^|,)sidecar-data$/);
    });
    expect(count).toBeGreaterThan(numRuns / 20);
  });
});

/** Nothing of what a patch repairs may be left to refuse or to warn of. */
const OWNED = {
  list: ["VEL-SPACE", "VEL-EMPTY-ITEM", "VEL-DUP"],
  generatedList: [
    "VEL-UNKNOWN",
    "VEL-UNSUPPORTED",
    "VEL-EPHEMERAL",
    "VEL-BLOCK",
    "VEL-UNMOUNTED",
    "VEL-MISSING",
    "VEL-CONFLICT",
  ],
  rewrite: ["ING-MISSING-REWRITE", "ING-MISMATCH", "ING-UNSAFE"],
};

describe.each(SETS)("G-7: with %s", (_name, policies, numRuns) => {
  it("what has been patched is not refused for what the patch repairs, nor warned of it", LONG, () => {
    expect(checkRepaired(policies, policies, numRuns)).toBeGreaterThan(numRuns / 20);
  });
});

function checkRepaired(mutating: PolicyIndex, validating: PolicyIndex, numRuns: number): number {
  return checkPatched(mutating, numRuns, (patched, object) => {
    const { response, problems } = askPipeline(validating, "validate", created(patched));
    expect(problems).toEqual([]);
    const told = JSON.stringify([response.status ?? [], response.warnings ?? [], response.auditAnnotations ?? []]);
    expect(ownedCodes(patched, object).filter((code) => told.includes(code))).toEqual([]);
    expect(told).not.toContain('label \\"team\\" is missing');
  });
}

function ownedCodes(patched: KubernetesObject, { kind, metadata }: KubernetesObject): readonly string[] {
  if (kind === "Pod") {
    return annotationOf(patched, MARK) === "generated" ? [...OWNED.list, ...OWNED.generatedList] : OWNED.list;
  }
  return kind === "Ingress" && !metadata?.annotations?.[REWRITE] && annotationOf(patched, REWRITE) ? OWNED.rewrite : [];
}

describe.each(SETS)("G-8: with %s", (_name, policies, numRuns, keys) => {
  it("a patch adds configured labels and annotations, and touches nothing else", LONG, () => {
    expect(checkPatches(policies, numRuns, keys)).toBeGreaterThan(numRuns / 20);
  });
});

/** A Job without labels is given those of its Pods as well: the API server would, but no longer once it has one. */
function keysFor({ kind, metadata, spec }: KubernetesObject, keys: readonly string[]): readonly string[] {
  if (kind !== "Job" || Object.keys(metadata?.labels ?? {}).length > 0) return keys;
  const template = recordField(recordField(spec, "template"), "metadata");
  return [...keys, ...Object.keys(recordField(template, "labels") ?? {})];
}

function checkPatches(policies: PolicyIndex, numRuns: number, configured: readonly string[]): number {
  let count = 0;
  fc.assert(
    fc.property(createdObjects, (object) => {
      const { response } = askPipeline(policies, "mutate", created(object));
      const keys = keysFor(object, configured);
      for (const { op, path, value } of patchesOf(response)) {
        const [, map = "", key] = /^\/metadata\/(labels|annotations)(?:\/([^/]+))?$/.exec(path) ?? [];
        expect([op, map]).toEqual(["add", expect.stringMatching(/./)]);
        const set = key === undefined ? Object.keys(value) : [key.replaceAll("~1", "/").replaceAll("~0", "~")];
        expect(keys).toEqual(expect.arrayContaining(set));
        count++;
      }
      expect(withoutKeys(patchedBy(response, object), keys)).toBe(withoutKeys(object, keys));
    }),
    { numRuns },
  );
  return count;
}

/** As JSON; a map that is not there, is null or is empty is the same nothing. */
function withoutKeys(object: KubernetesObject, keys: readonly string[]): string {
  const rest = (map: Readonly<Record<string, string>> | null | undefined) =>
    Object.entries(map ?? {}).filter(([key]) => !keys.includes(key));
  const { labels, annotations, ...metadata } = object.metadata ?? {};
  return JSON.stringify([{ ...object, metadata }, rest(labels), rest(annotations)]);
}

describe("control: a rule that patches wrongly is found", () => {
  const MANY = 500;
  it("but leaves what it is there to repair", () => {
    const code = { code: "VEL-MISSING", severity: "warning", summary: "as it was" } as const;
    const unrepaired = ruleOf(() => verdictOf({ code: code.code, severity: code.severity }), { codes: [code] });
    expect(() => checkRepaired(SHIPPED, indexPolicies([policyOf(unrepaired)]), MANY)).toThrow();
  });

  it("again and again", () => {
    const rule = ruleOf(({ object }) => {
      const count = Number(annotationOf(object, "count") ?? 0);
      return {
        violations: [],
        patches: [{ op: "add", path: "/metadata/annotations", value: { count: `${count + 1}` } }],
      };
    });
    const policies = indexPolicies([policyOf(rule)]);
    expect(() => checkPatched(policies, MANY, (patched) => checkOnce(policies, patched))).toThrow();
  });

  it("another key", () => {
    const rule = ruleOf(() => ({
      violations: [],
      patches: [{ op: "add", path: "/metadata/labels", value: { other: "x" } }],
    }));
    expect(() => checkPatches(indexPolicies([policyOf(rule)]), MANY, [VOLUMES])).toThrow();
  });

  it("over what was there", () => {
    const rule = ruleOf(() => ({
      violations: [],
      patches: [{ op: "add", path: "/metadata/labels", value: { [VOLUMES]: "x" } }],
    }));
    expect(() => checkPatches(indexPolicies([policyOf(rule)]), MANY, [VOLUMES])).toThrow();
  });
});
