/** The program itself, from an expired pair to a good one, a broken one and the next: what an operator would see. */
import { writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { loadPolicies } from "../../src/policy/load.ts";
import { policyHash } from "../../src/policy/policy-hash.ts";
import { rules } from "../../src/rules/index.ts";
import { writePair } from "../../src/tls/files.ts";
import { startServer } from "../support/server-program.ts";
import { call, issuePair, MINUTE_MS, temporaryDirectory } from "./reloading-server.ts";

const POLICY_DIR = fileURLToPath(new URL("../../manifests/policies", import.meta.url));

test("F-98, F-99: the program follows CERT_DIR without a restart", async () => {
  const [expired, good, next] = [issuePair({ untilMs: -MINUTE_MS }), issuePair(), issuePair()];
  const directory = temporaryDirectory();
  writePair(directory, expired, new Date());
  const server = await startServer({ CERT_DIR: directory, POLICY_DIR, DRAIN_SECONDS: "0" });
  onTestFinished(() => server.signal("SIGKILL"));
  await server.answering();
  const counts = async () =>
    /certificate_reloads_total\{result="success"\} (\d+)\n.*\{result="failure"\} (\d+)\n/
      .exec((await server.probe("/metrics")).body)
      ?.slice(1)
      .map(Number);

  expect(await server.probe("/readyz")).toEqual({
    status: 503,
    body: expect.stringMatching(/^not ready: the certificate expired at .*\nnot ready: its CA expired at .*\n$/),
  });
  writePair(directory, good, new Date());
  await expect.poll(() => server.probe("/readyz"), { timeout: 5000 }).toEqual({ status: 200, body: "ok\n" });
  const agent = new Agent({ keepAlive: true });
  await call(server.port, { ca: good.caPem, agent });

  writePair(directory, { ...next, keyPem: expired.keyPem }, new Date());
  await expect.poll(counts, { timeout: 5000 }).toEqual([1, 1]);
  await call(server.port, { ca: good.caPem });

  writePair(directory, next, new Date());
  await expect.poll(counts, { timeout: 5000 }).toEqual([2, 1]);
  await call(server.port, { ca: next.caPem });
  await expect(call(server.port, { ca: good.caPem })).rejects.toThrow(/unable to verify|self-signed certificate/);
  expect(await call(server.port, { ca: good.caPem, agent })).toMatchObject({ reused: true });
  agent.destroy();

  const loadedHash = policyHash(loadPolicies(POLICY_DIR, rules));
  writeFileSync(join(directory, "registration.json"), '{"registrationHash":"0123456789ab","namespace":"policy"}');
  expect(await server.probe("/readyz")).toEqual({
    status: 200,
    body: expect.stringMatching(
      /^ok\nnote: .*kubectl delete job -n policy .*kubectl apply -k .*, or helm upgrade with your values\n$/,
    ),
  });

  server.signal("SIGTERM");
  const { status, stderr, lines } = await server.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const told = lines.map(({ level, msg }) => `${level}: ${msg}`);
  expect(told.filter((line) => line.includes("certificate"))).toEqual([
    "info: serving a new certificate",
    "error: the new certificate is refused, and the old one served on",
    "info: serving a new certificate",
  ]);
  expect(lines).toContainEqual(expect.objectContaining({ msg: "serving", policyHash: loadedHash }));
});
