/** Values with characters that can't be seen, or that look like others. */
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { AdmissionResponse } from "../../src/admission/types.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import { policyOf } from "../support/policies.ts";
import { requestOf, reviewOf, UID } from "../support/reviews.ts";
import { serve } from "../support/serve.ts";

const bucketParams = { bucketPattern: "[a-z]+", staticLabels: {}, requiredLabels: [] };
const server = await serve([
  policyOf(
    requiredLabels,
    { params: { labels: [{ anyOf: ["app"], allowedRegex: "web" }] }, match: { resources: ["pods"] } },
    "labels",
  ),
  policyOf(ingressBucket, { params: bucketParams }, "buckets"),
]);
afterAll(() => server.close());
afterEach(async () => expect((await server.review("/validate", requestOf())).allowed).toBe(true));

const backend = { service: { name: "minio", port: { number: 9000 } } };
const INGRESS = {
  kind: { group: "networking.k8s.io", version: "v1", kind: "Ingress" },
  resource: { group: "networking.k8s.io", version: "v1", resource: "ingresses" },
  object: {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { labels: { bucket: "web" }, annotations: { "ingress.kubernetes.io/rewrite-target": "/REWRITE" } },
    spec: {
      ingressClassName: "traefik",
      rules: [{ host: "web.example.org", http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }],
    },
  },
};

/** As they stand in JSON: a lone surrogate has no UTF-8, only an escape. */
const LOOKALIKES: readonly [string, string][] = [
  ["with a lone surrogate", "web\\ud800"],
  ["with the direction reversed", "\u202ebew"],
  ["with a zero width joiner", "we\u200db"],
  ["with a letter of another alphabet", "w\u0435b"],
];

/** With `text` of the request in place of `place`, byte for byte. */
async function judge(request: object, place: string, text: string): Promise<AdmissionResponse> {
  const body = JSON.stringify(reviewOf(request)).replace(place, () => text);
  const answer = await server.send("/validate", { body });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body).response;
}

function expectEscaped({ allowed, status }: AdmissionResponse, code: string): void {
  expect(allowed).toBe(false);
  expect(status?.details?.causes.map(({ reason }) => reason)).toEqual([code]);
  expect(status?.message).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
}

describe("F-41: a value that only looks like the right one", () => {
  it.each(LOOKALIKES)("is not that of a label: %s", async (_what, value) => {
    expectEscaped(await judge(requestOf(), '{"app":"web"}', `{"app":"${value}"}`), "LBL-VALUE");
  });

  it.each(LOOKALIKES)("is not the bucket that the label names: %s", async (_what, value) => {
    expectEscaped(await judge(requestOf(INGRESS), "REWRITE", value), "ING-UNSAFE");
  });

  it("control: the right one is", async () => {
    expect(await judge(requestOf(), '{"app":"web"}', '{"app":"web"}')).toEqual({ uid: UID, allowed: true });
    expect(await judge(requestOf(INGRESS), "REWRITE", "web")).toEqual({ uid: UID, allowed: true });
  });
});
