/** Objects that the API server takes, or that a caller makes up, and that once took all time or all memory. */
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import { askPipeline, shippedPolicies } from "../support/ask-pipeline.ts";
import { requestFor } from "../support/request-for.ts";
import { POD } from "../support/reviews.ts";

const POLICIES = indexPolicies(shippedPolicies());
/** What fails takes minutes, or ends the process. */
const LIMIT = { timeout: 30_000 };

function numbered(count: number, make: (index: number) => unknown): readonly unknown[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function askAbout(object: KubernetesObject) {
  const { response, problems } = askPipeline(POLICIES, "validate", requestFor(object));
  expect(problems).toEqual([]);
  return { allowed: response.allowed, message: response.status?.message ?? "" };
}

describe("is judged all the same:", () => {
  it("an Ingress of many rewrites and many paths", LIMIT, () => {
    const backend = { service: { name: "web", port: { number: 80 } } };
    const ingress = (paths: number) => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: {
        name: "web",
        labels: { app: "web", role: "static", bucket: "b" },
        annotations: { "haproxy.org/path-rewrite": numbered(32, () => "/b").join("\n") },
      },
      spec: {
        ingressClassName: "haproxy",
        rules: [
          {
            host: "a.example.com",
            http: { paths: numbered(paths, () => ({ path: "/", pathType: "Exact", backend })) },
          },
        ],
      },
    });
    expect(askAbout(ingress(37_000))).toEqual({
      allowed: false,
      message: expect.stringContaining("so many paths that they can't be judged"),
    });
    expect(askAbout(ingress(300)).message, "control").not.toContain("so many paths");
  });

  it("an HTTPRoute of many filters and many matches", LIMIT, () => {
    const urlRewrite = { path: { type: "ReplaceFullPath", replaceFullPath: "/b" } };
    const object = {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "web", labels: { app: "web", role: "static", bucket: "b" } },
      spec: {
        rules: [
          {
            matches: numbered(2000, (index) => ({ path: { type: "PathPrefix", value: `/${index}` } })),
            filters: numbered(2000, () => ({ type: "URLRewrite", urlRewrite })),
            backendRefs: [{ name: "web", port: 80 }],
          },
        ],
      },
    };
    expect(askAbout(object)).toEqual({ allowed: false, message: expect.stringContaining("can't be judged") });
  });

  it("a Pod of many volumes, whose list has many names and none of them", LIMIT, () => {
    const object = {
      ...POD,
      metadata: {
        ...POD.metadata,
        annotations: {
          "backup.velero.io/backup-volumes": numbered(52_000, (index) => `a${index.toString(36)}`).join(","),
        },
      },
      spec: {
        containers: [{ name: "web", image: "example.com/web:1" }],
        volumes: numbered(160_000, (index) => ({ name: `v${index.toString(36)}` })),
      },
    };
    expect(askAbout(object).allowed).toBe(false);
  });

  it("a Pod of volumes with long names, and a list of names that are nearly theirs", LIMIT, () => {
    const longName = (end: string, index: number) => `${"x".repeat(60_000)}${index}${end}`;
    const volumes = numbered(20, (index) => ({
      name: longName("aaa", index),
      persistentVolumeClaim: { claimName: "data" },
    }));
    const list = numbered(10, (index) => longName("bbb", index)).join(",");
    const object = {
      ...POD,
      metadata: { ...POD.metadata, annotations: { "backup.velero.io/backup-volumes": list } },
      spec: { containers: [{ name: "web", image: "example.com/web:1" }], volumes },
    };
    expect(askAbout(object).allowed).toBe(false);
  });
});
