/** What each enforcement mode does to a write on a real API server, which picks a policy's half by the namespace's labels. */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { ENFORCE_LABEL, ENFORCEMENT_MODES, type EnforcementMode } from "../../src/policy/enforcement.ts";
import { compileFiles } from "../../src/policy/files.ts";
import { readPolicyFiles } from "../../src/policy/load.ts";
import { rules } from "../../src/rules/index.ts";
import { type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { apply, SHIPPED_POLICIES, waitUntil } from "../support/installation.ts";
import { serveFor } from "../support/registered-server.ts";
import type { TestServer } from "../support/serve.ts";

/** Of a wrong write in a namespace with the label, and in one without. */
const EXPECTED: Readonly<Record<EnforcementMode, Readonly<Record<string, "refused" | "warned">>>> = {
  enforce: { labelled: "refused", others: "refused" },
  enforceLabelled: { labelled: "refused", others: "warned" },
  auditOnly: { labelled: "warned", others: "warned" },
};

/** Of the label; only "true" counts. */
const UNLABELLED_VALUES = ["false", ""];

function wrongDeployment(namespace: string) {
  const labels = { part: "of-nothing" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "web" }] } },
    },
  };
}

function policiesUnder(mode: EnforcementMode) {
  const document = `{ apiVersion: portcullis.dev/v1alpha1, kind: Enforcement, metadata: { name: a }, spec: { mode: ${mode} } }`;
  const files = new Map([...readPolicyFiles(SHIPPED_POLICIES), ["enforcement.yaml", document]]);
  const { policies, problems } = compileFiles(files, rules);
  expect(problems).toEqual([]);
  return policies;
}

describeCluster("enforcement", (controlPlane) => {
  let api: ApiClient;
  let server: TestServer | undefined;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    const others = UNLABELLED_VALUES.map((value, index) => ({
      name: `others-${index}`,
      labels: { [ENFORCE_LABEL]: value },
    }));
    const metadata = [{ name: "labelled", labels: { [ENFORCE_LABEL]: "true" } }, { name: "others" }, ...others];
    await apply(
      controlPlane(),
      metadata.map((one) => ({ apiVersion: "v1", kind: "Namespace", metadata: one })),
    );
  });

  afterEach(() => server?.close());
  afterAll(() => api?.close());

  async function outcomeIn(namespace: string) {
    const path = `${pathOf("deployments.apps", namespace)}?dryRun=All`;
    const { status, warnings, body } = await api.send({ method: "POST", path, body: wrongDeployment(namespace) });
    const isTold = [body.message ?? "", ...warnings].some((text) => text.includes("LBL-MISSING"));
    if (status === 201) return isTold ? "warned" : "nothing";
    return status === 403 && isTold ? "refused" : `${status} ${body.message}`;
  }

  it.each(ENFORCEMENT_MODES)("%s", async (mode) => {
    server = await serveFor(controlPlane(), policiesUnder(mode));
    for (const [namespace, expected] of Object.entries(EXPECTED[mode])) {
      const outcome = async () => (await outcomeIn(namespace)) === expected;
      await waitUntil(`a wrong Deployment in ${namespace} is ${expected}`, 30_000, outcome);
    }
    for (const index of UNLABELLED_VALUES.keys()) {
      expect(await outcomeIn(`others-${index}`)).toBe(EXPECTED[mode].others);
    }
  });
});
