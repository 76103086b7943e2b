/** Objects at the edge of what an API server lets through, under the rules that ship, by HTTPS. */
import { afterAll, describe, expect, it } from "vitest";
import type { AdmissionResponse } from "../../src/admission/types.ts";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import { secretEnv } from "../../src/rules/secret-env/rule.ts";
import { veleroBackup } from "../../src/rules/velero-backup/rule.ts";
import { policyOf } from "../support/policies.ts";
import { POD, patchesOf, requestOf } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const BACKUP_VOLUMES = "backup.velero.io/backup-volumes";
const MAX_MESSAGE_CHARACTERS = 4096;
const ALLOWED = { uid: expect.any(String), allowed: true };

const server = await serve([]);
afterAll(() => server.close());

function review(phase: "mutate" | "validate", policies: readonly Policy[], parts: object): Promise<AdmissionResponse> {
  server.use({ policies });
  return server.review(`/${phase}`, requestOf(parts));
}

function labelPolicy(choice: object = {}): Policy {
  return policyOf(requiredLabels, { params: { labels: [{ anyOf: ["app"], ...choice }] } }, "labels");
}

function causesOf({ status }: AdmissionResponse): readonly string[] {
  return (status?.details?.causes ?? []).map(({ reason, field }) => `${reason} ${field}`);
}

function podWith(metadata: object, spec: object = {}): { readonly object: KubernetesObject } {
  return { object: { ...POD, metadata: { name: "web", ...metadata }, spec: { ...(POD.spec as object), ...spec } } };
}

describe("labels", () => {
  it.each([{}, { labels: null }, { labels: {} }])("F-53, F-57: that are none are missing: %j", async (metadata) => {
    const parts = { object: { apiVersion: "v1", kind: "Pod", metadata } };
    expect(causesOf(await review("validate", [labelPolicy()], parts))).toEqual(["LBL-MISSING metadata.labels"]);
    const patches = patchesOf(await review("mutate", [labelPolicy({ default: "web" })], parts));
    const path = metadata.labels ? "/metadata/labels/app" : "/metadata/labels";
    expect(patches).toEqual([{ op: "add", path, value: metadata.labels ? "web" : { app: "web" } }]);
  });

  it("F-58: with an empty value are missing, unless the policy takes it", async () => {
    const parts = podWith({ labels: { app: "" } });
    expect(causesOf(await review("validate", [labelPolicy()], parts))).toEqual(["LBL-MISSING metadata.labels.app"]);
    expect(await review("validate", [labelPolicy({ allowEmpty: true })], parts)).toEqual(ALLOWED);
  });

  it.each(["a".repeat(64), "-web-", "wéb", "a b", "web\n"])(
    "F-58: with a value that the API server won't store are refused where the policy has a pattern: %j",
    async (app) => {
      const parts = podWith({ labels: { app } });
      const strict = labelPolicy({ allowedRegex: "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?" });
      expect(causesOf(await review("validate", [strict], parts))).toEqual(["LBL-VALUE metadata.labels.app"]);
      // And left to the API server where it has none: the mutating webhook is asked before any other check.
      expect(await review("validate", [labelPolicy()], parts)).toEqual(ALLOWED);
      expect(await review("mutate", [labelPolicy({ default: "blog" }), policyOf(veleroBackup)], parts)).toEqual(
        ALLOWED,
      );
    },
  );
});

it("F-54: a List in the place of a Pod is a Pod without labels: what counts is the resource, not the kind", async () => {
  const parts = { object: { apiVersion: "v1", kind: "List", metadata: {}, items: [POD] } };
  expect((await review("validate", [labelPolicy()], parts)).allowed).toBe(false);
  expect(await review("mutate", [policyOf(veleroBackup)], parts)).toEqual(ALLOWED);
});

it("F-59, F-60: a Pod whose name is being generated is refused in the words of any other", async () => {
  const policies = [labelPolicy(), policyOf(veleroBackup)];
  const messages = [
    { name: "web-x7k2p" },
    { generateName: "web-" },
    { name: "web-x7k2p", namespace: "application" },
  ].map(async (metadata) => {
    const { status } = await review("validate", policies, { name: "", object: { ...POD, metadata } });
    return status?.message;
  });
  const [first, ...others] = await Promise.all(messages);
  expect(first).toMatch(/^LBL-MISSING metadata\.labels: label "app" is missing; add /);
  expect(first).not.toContain("x7k2p");
  for (const other of others) expect(other).toBe(first);
});

describe("a Pod with a thousand volumes", () => {
  const names = Array.from({ length: 1000 }, (_, index) => `volume-with-a-longer-name-${index}`);
  const spec = {
    containers: [{ name: "web", image: "nginx", volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })) }],
    volumes: names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
  };

  it("F-75: gets every one of them into its list", async () => {
    const [patch] = patchesOf(await review("mutate", [policyOf(veleroBackup)], podWith({}, spec)));
    expect(patch?.value).toMatchObject({ [BACKUP_VOLUMES]: names.join(",") });
  });

  it("F-75: that are all misspelt in its list is refused, in a message that a terminal has room for", async () => {
    const annotations = { [BACKUP_VOLUMES]: names.map((name) => `${name}x`).join(",") };
    const { status } = await review("validate", [policyOf(veleroBackup)], podWith({ annotations }, spec));
    expect(status?.message).toMatch(/^\d{4} violations\n- VEL-UNKNOWN /);
    expect(status?.message.length).toBeLessThanOrEqual(MAX_MESSAGE_CHARACTERS);
  });
});

describe("a value that is refused", () => {
  const HOSTILE = "/\u001b[31m%s\n<b>\u202e\ud800&";

  it.each(["", "x".repeat(100_000)])("F-77: is shown escaped and cut", async (tail) => {
    const ingress = { group: "networking.k8s.io", version: "v1", resource: "ingresses" };
    const annotations = { "ingress.kubernetes.io/rewrite-target": `${HOSTILE}${tail}` };
    const parts = { resource: ingress, object: { metadata: { annotations }, spec: { ingressClassName: "haproxy" } } };
    const { status } = await review("validate", [policyOf(ingressBucket)], parts);
    expect(status?.message).toContain("\\u001b[31m%s");
    expect(status?.message).not.toMatch(/[\p{Cf}\p{Cs}]|(?!\n)\p{Cc}/u);
    expect(status?.message.length).toBeLessThanOrEqual(MAX_MESSAGE_CHARACTERS);
  });

  it("F-77: is not shown at all where it is a secret", async () => {
    const env = [{ name: "DB_PASSWORD", value: `hunter2${HOSTILE}` }];
    const policy = policyOf(secretEnv, { promoteWarnings: true });
    const response = await review("validate", [policy], podWith({}, { containers: [{ name: "web", env }] }));
    expect(response.status?.message).toContain("DB_PASSWORD");
    expect(JSON.stringify([response, server.logged()])).not.toContain("hunter2");
  });
});

it("F-80: what three rules find is one message, in the order of the policies, each with its field", async () => {
  const policies = [
    labelPolicy(),
    policyOf(secretEnv, { promoteWarnings: true }, "secrets"),
    policyOf(veleroBackup, {}, "volumes"),
  ];
  const env = [{ name: "DB_PASSWORD", value: "hunter2" }];
  const parts = podWith({ annotations: { [BACKUP_VOLUMES]: "data" } }, { containers: [{ name: "web", env }] });
  const response = await review("validate", policies, parts);
  expect(response.status?.message.split("\n").map((line) => line.replace(/:.*\(/, " ("))).toEqual([
    "3 violations",
    "- LBL-MISSING metadata.labels (policy labels)",
    "- SEC-ENV spec.containers[0].env[0] (policy secrets)",
    "- VEL-UNKNOWN metadata.annotations[backup.velero.io/backup-volumes] (policy volumes)",
  ]);
  expect(causesOf(response)).toHaveLength(3);
  expect(await review("validate", policies, parts)).toEqual(response);
});
