/** Policies that are applied as the manifests do it: a bad one is refused by the server itself, and stops a rollout. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { describeCluster } from "../support/cluster.ts";
import {
  type Installation,
  install,
  kubectlOrThrow,
  type RunningPod,
  SHIPPED_POLICIES,
  waitUntil,
} from "../support/installation.ts";
import { directoryOf } from "../support/policy-directory.ts";

const GOOD = readFileSync(join(SHIPPED_POLICIES, "required-labels.yaml"), "utf8");
const BAD = GOOD.replace("rule: required-labels", "rule: required-label").replace("match:", "matches:");
const NEVER = GOOD.replace("  match:", "  match:\n    namespaces: { include: [kube-system] }");
const EXCEPTION = `
apiVersion: portcullis.dev/v1alpha1
kind: Exception
metadata: { name: a-while }
spec: { policies: [claims-are-backed-up], namespaces: [legacy], until: 2099-12-31, reason: TICKET-12 }
`;
const PLACE = /policies\.yaml:\d+:\d+: /g;

describeCluster("policies in a ConfigMap", (controlPlane) => {
  let installation: Installation;
  let pod: RunningPod;
  const applyText = (text: string, { labelled = true, namespace = "portcullis", name = "policies" } = {}) => {
    const labels = labelled ? { "portcullis.dev/policies": "true" } : {};
    const configMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace, labels },
      data: { "policies.yaml": text },
    };
    return controlPlane().kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(configMap) });
  };

  beforeAll(async () => {
    installation = await install(controlPlane(), { env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
    pod = await installation.startPod();
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
  });
  afterAll(() => installation?.stop());

  it("that can be used are stored", async () => {
    expect(await applyText(GOOD)).toMatchObject({ status: 0, stderr: "" });
  });

  it("that can't be used are refused, each problem with its place, and what is stored stays", async () => {
    const { status, stderr } = await applyText(BAD);
    expect(status).toBe(1);
    expect(stderr).toContain('admission webhook "policies.portcullis.dev" denied the request');
    expect(stderr.match(PLACE)).toHaveLength(2);
    expect(stderr).toContain("did you mean required-labels?");
    expect(stderr).toContain("spec.matches: no such field; did you mean match?");
    const data = await kubectlOrThrow(controlPlane(), [
      "get",
      "configmap",
      "policies",
      "-n",
      "portcullis",
      "-o",
      "json",
    ]);
    expect(JSON.parse(data).data["policies.yaml"]).toBe(GOOD);
  });

  it("that can never match are stored with a warning", async () => {
    const { status, stderr } = await applyText(NEVER);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^Warning: policies\.yaml:\d+:\d+: spec\.match\.namespaces: .* are never judged/m);
  });

  it("may be exceptions alone, from policies that the server has", async () => {
    expect(await applyText(EXCEPTION, { name: "exceptions" })).toMatchObject({ status: 0, stderr: "" });
    const { stderr } = await applyText(EXCEPTION.replace("claims-are", "claims-were"), { name: "exceptions" });
    expect(stderr).toContain('there is no policy "claims-were-backed-up"');
  });

  it("without the label, or in another namespace, are nobody's business", async () => {
    expect(await applyText(BAD, { labelled: false, name: "notes" })).toMatchObject({ status: 0 });
    expect(await applyText(BAD, { namespace: "default" })).toMatchObject({ status: 0 });
  });

  it("are rendered by kustomize with the label", async () => {
    const text = await kubectlOrThrow(controlPlane(), ["kustomize", join(SHIPPED_POLICIES, "../base")]);
    const policies = parseAllDocuments(text)
      .map((document) => document.toJS())
      .filter(({ kind, metadata }) => kind === "ConfigMap" && metadata.name.startsWith("portcullis-policies-"));
    expect(policies.map(({ metadata }) => metadata.labels["portcullis.dev/policies"])).toEqual(["true"]);
  });

  it("that can't be used don't let a new Pod start, and the old one serves on", async () => {
    const policyDir = directoryOf({ "policies.yaml": BAD });
    await expect(installation.startPod({ policyDir, address: `${controlPlane().clusterIpPrefix}.21` })).rejects.toThrow(
      /init ended with status 2[\s\S]*policies\.yaml:\d+:\d+: /,
    );
    expect(await installation.isEnforcing()).toBe(true);
  });

  it("are stored unjudged while nobody serves: the entry is in nobody's way", async () => {
    await pod.stop();
    expect(await applyText(BAD, { name: "unjudged" })).toMatchObject({ status: 0 });
  });
});
