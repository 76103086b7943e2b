/** Whatever the server is asked and finds, it asks nobody: told by what the program calls, and not by what is in its bundle. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { writePair } from "../../src/tls/files.ts";
import { readSource } from "../meta/source-files.ts";
import { mountConfigMap } from "../support/mounted-config-map.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { postReview, startServer } from "../support/server-program.ts";
import { issuePair, SERVER_NAME, temporaryDirectory } from "./reloading-server.ts";

const RELOAD = { timeout: 10_000 };

/** The shipped policy, of a label that the review lacks. */
const DENY = readSource("manifests/policies/required-labels.yaml").replace(/anyOf: .*/, "anyOf: [team]");
const AUDIT = DENY.replace("[Deny]", "[Audit]");

let told: string;
let watched: string;
beforeEach(() => {
  told = join(temporaryDirectory(), "outbound");
  writeFileSync(told, "");
  const hook = new URL("../support/tell-outbound.ts", import.meta.url);
  hook.searchParams.set("file", told);
  watched = `--import=${hook.href}`;
});
const outbound = () => readFileSync(told, "utf8");

test("G-21: the server opens no connection, looks no name up and starts no program, from its start to its end", async () => {
  const [certDir, pair, next] = [temporaryDirectory(), issuePair(), issuePair()];
  const mounted = mountConfigMap({ "labels.yaml": DENY });
  writePair(certDir, pair, new Date());
  const server = await startServer({
    NODE_OPTIONS: watched,
    CERT_DIR: certDir,
    POLICY_DIR: mounted.directory,
    DRAIN_SECONDS: "0",
  });
  onTestFinished(() => server.signal("SIGKILL"));
  await server.answering();
  const metrics = async () => (await server.probe("/metrics")).body;
  const post = (body: Uint8Array) => postReview(server.port, pair.caPem, SERVER_NAME, body);

  expect(JSON.parse((await post(bytesOf(reviewOf(requestOf())))).body).response.allowed).toBe(false);
  expect((await post(Buffer.from("garbage"))).status).toBe(400);
  await expect(postReview(server.port, next.caPem, SERVER_NAME, Buffer.from("{}"))).rejects.toThrow();
  expect((await server.probe("/readyz")).status).toBe(200);
  mounted.swap({ "labels.yaml": AUDIT });
  await expect.poll(metrics, RELOAD).toContain('portcullis_policy_reloads_total{result="success"} 1\n');
  mounted.swap({ "labels.yaml": "garbage" });
  await expect.poll(metrics, RELOAD).toContain('portcullis_policy_reloads_total{result="failure"} 1\n');
  expect(JSON.parse((await post(bytesOf(reviewOf(requestOf())))).body).response.allowed).toBe(true);
  writePair(certDir, next, new Date());
  await expect.poll(metrics, RELOAD).toContain('portcullis_certificate_reloads_total{result="success"} 1\n');
  server.signal("SIGTERM");
  expect((await server.ended).status).toBe(0);
  expect(outbound()).toBe("");
});

test.each([
  ["fetch", 'fetch("http://127.0.0.1:10443").catch(() => {})', "connect\n"],
  ["a request over TLS", 'require("node:https").get("https://127.0.0.1:9").on("error", () => {})', "connect\n"],
  ["a name", 'require("node:dns").promises.lookup("localhost")', "lookup\n"],
  ["a datagram", 'require("node:dgram").createSocket("udp4").close()', "createSocket\n"],
  ["a program", 'require("node:child_process").spawn("true")', "spawn\n"],
])("control: %s is told", (_name, script, line) => {
  execFileSync(process.execPath, ["-e", script], { env: { NODE_OPTIONS: watched, PATH: process.env.PATH } });
  expect(outbound()).toContain(line);
});
