/** The program itself with policies in a mounted ConfigMap, from one set to the next: what an operator would see. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { loadPolicies } from "../../src/policy/load.ts";
import { policyHash } from "../../src/policy/policy-hash.ts";
import { registrationHash } from "../../src/registration/desired.ts";
import { rules } from "../../src/rules/index.ts";
import { writePair } from "../../src/tls/files.ts";
import { type Files, mountConfigMap } from "../support/mounted-config-map.ts";
import { directoryOf } from "../support/policy-directory.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { postReview, startServer } from "../support/server-program.ts";
import { issuePair, SERVER_NAME, temporaryDirectory } from "./reloading-server.ts";

const RELOAD = { timeout: 10_000 };
const REVIEW = bytesOf(reviewOf(requestOf()));

function policyText(spec: string): string {
  return `apiVersion: portcullis.dev/v1alpha1
kind: Policy
metadata: { name: workloads-name-their-team }
spec:
  rule: required-labels
  params: { labels: [{ anyOf: [team] }] }
${spec}`;
}

const DENY: Files = { "labels.yaml": policyText("  validationActions: [Deny]\n") };
const AUDIT: Files = { "audit.yaml": policyText("  validationActions: [Audit]\n") };
const BAD: Files = { ...DENY, "other.yaml": policyText("  match: { resources: [pod] }\n").replace("team]", "Team]") };
const OTHER_WEBHOOKS: Files = { "labels.yaml": policyText("  match: { resources: [deployments.apps] }\n") };

function loaded(files: Files) {
  return loadPolicies(directoryOf(files), rules);
}

test("F-86: the program follows POLICY_DIR without a restart", async () => {
  const [certDir, mounted, pair] = [temporaryDirectory(), mountConfigMap(DENY), issuePair()];
  writePair(certDir, pair, new Date());
  const registration = { registrationHash: registrationHash(loaded(DENY)), namespace: "policy" };
  writeFileSync(join(certDir, "registration.json"), JSON.stringify(registration));
  const server = await startServer({ CERT_DIR: certDir, POLICY_DIR: mounted.directory, DRAIN_SECONDS: "0" });
  onTestFinished(() => server.signal("SIGKILL"));
  await server.answering();

  const counts = async () =>
    /policy_reloads_total\{result="success"\} (\d+)\n.*\{result="failure"\} (\d+)\n/
      .exec((await server.probe("/metrics")).body)
      ?.slice(1)
      .map(Number);
  const isAllowed = async () => {
    const { status, body } = await postReview(server.port, pair.caPem, SERVER_NAME, REVIEW);
    expect(status).toBe(200);
    return JSON.parse(body).response.allowed;
  };
  /** Its body comes in two halves; the second one, and the answer, when the function is called. */
  const beginReview = async () => {
    const sent = httpsRequest({
      host: "127.0.0.1",
      port: server.port,
      ca: pair.caPem,
      servername: SERVER_NAME,
      method: "POST",
      path: "/validate?timeout=30s",
      headers: { "Content-Type": "application/json", "Content-Length": REVIEW.length, Expect: "100-continue" },
    });
    sent.flushHeaders();
    // The server has begun with it.
    await once(sent, "continue");
    sent.write(REVIEW.subarray(0, 100));
    return async () => {
      sent.end(REVIEW.subarray(100));
      const [response] = await once(sent, "response");
      return JSON.parse(await text(response)).response.allowed;
    };
  };

  expect(await counts()).toEqual([0, 0]);
  expect(await server.probe("/readyz")).toEqual({ status: 200, body: "ok\n" });
  expect(await isAllowed()).toBe(false);

  const finishUnderDeny = await beginReview();
  mounted.swap(AUDIT);
  await expect.poll(counts, RELOAD).toEqual([1, 0]);
  expect(await isAllowed()).toBe(true);
  expect(await finishUnderDeny()).toBe(false);
  expect(await server.probe("/readyz")).toEqual({ status: 200, body: "ok\n" });

  mounted.swap(BAD);
  await expect.poll(counts, RELOAD).toEqual([1, 1]);
  expect(await isAllowed()).toBe(true);
  const { status, body } = await server.probe("/readyz");
  expect(status).toBe(200);
  expect(body.replaceAll(mounted.directory, "DIR")).toMatch(
    /^ok\nnote: the last good policies are in force: a problem; DIR\/other\.yaml:7:24: spec\.match\.resources\[0\]: .*\n$/,
  );

  mounted.swap(OTHER_WEBHOOKS);
  await expect.poll(counts, RELOAD).toEqual([2, 1]);
  expect(await server.probe("/readyz")).toEqual({
    status: 200,
    body: expect.stringMatching(
      /^ok\nnote: the policies that are loaded need other webhook rules .*: kubectl delete job -n policy .*\n$/,
    ),
  });

  mounted.swap(DENY);
  await expect.poll(counts, RELOAD).toEqual([3, 1]);
  expect(await server.probe("/readyz")).toEqual({ status: 200, body: "ok\n" });
  expect(await isAllowed()).toBe(false);

  server.signal("SIGTERM");
  const { status: exitStatus, stderr, lines } = await server.ended;
  expect({ exitStatus, stderr }).toEqual({ exitStatus: 0, stderr: "" });
  const told = lines.filter(({ msg }) => /policies/.test(String(msg)));
  expect(told.map(({ level, msg, policyHash: hash }) => [level, msg, hash])).toEqual([
    ["info", "new policies are in force", policyHash(loaded(AUDIT))],
    ["error", "the new policies are refused, and the last good ones stay in force", undefined],
    ["info", "new policies are in force", policyHash(loaded(OTHER_WEBHOOKS))],
    ["warn", "the webhooks don't fit the new policies", undefined],
    ["info", "new policies are in force", policyHash(loaded(DENY))],
  ]);
  expect(told[1]?.reason).toMatch(/\/other\.yaml:7:24: spec\.match\.resources\[0\]: .*did you mean pods\?/);
  expect(told[3]?.note).toMatch(
    /kubectl delete job -n policy .*kubectl apply -k .*, or helm upgrade with your values$/,
  );
});
