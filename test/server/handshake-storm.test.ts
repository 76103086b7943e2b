/** Many new connections: a server that does little else must answer whoever has one already. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { writePair } from "../../src/tls/files.ts";
import { bytesOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { startServer } from "../support/server-program.ts";
import { answerToHello, clientHelloOf } from "./client-hello.ts";
import { issuePair, SERVER_NAME } from "./reloading-server.ts";

const POLICY_DIR = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
const CONNECTIONS = 1000;
const PER_SECOND = 500;
const REVIEW_INTERVAL_MS = 10;
const HELLO = clientHelloOf();
const BODY = bytesOf(reviewOf(requestOf()));

/** In a process of its own, so that its time is not the client's. */
async function startServing() {
  const pair = issuePair();
  const certDir = mkdtempSync(join(tmpdir(), "portcullis-storm-"));
  writePair(certDir, pair, new Date());
  const program = await startServer({ CERT_DIR: certDir, POLICY_DIR, LOG_LEVEL: "error", DRAIN_SECONDS: "0" });
  onTestFinished(async () => {
    program.signal("SIGKILL");
    await program.ended;
    rmSync(certDir, { recursive: true });
  });
  await program.answering();
  const certificate = new X509Certificate(pair.certPem).raw;
  return { host: "127.0.0.1", port: program.port, ca: pair.caPem, servername: SERVER_NAME, certificate };
}

type Target = Awaited<ReturnType<typeof startServing>>;

/** The part of a handshake that costs the server most; the client, which has it cheap, goes away then. */
async function shakeHands({ port, certificate }: Target): Promise<"served" | "refused"> {
  return (await answerToHello(port, HELLO, certificate)).includes(certificate) ? "served" : "refused";
}

/** Opens as many as are due by now. */
async function storm(target: Target): Promise<readonly string[]> {
  const startedAtMs = performance.now();
  const outcomes: Promise<string>[] = [];
  while (outcomes.length < CONNECTIONS) {
    const due = Math.min(CONNECTIONS, ((performance.now() - startedAtMs) / 1000) * PER_SECOND);
    while (outcomes.length < due) outcomes.push(shakeHands(target));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return await Promise.all(outcomes);
}

async function review({ certificate: _, ...target }: Target, agent: Agent): Promise<number> {
  const startedAtMs = performance.now();
  const headers = { "Content-Type": "application/json" };
  const sent = httpsRequest({ ...target, agent, method: "POST", path: "/validate?timeout=5s", headers }).end(BODY);
  const [response] = await once(sent, "response");
  expect(JSON.parse(await text(response)).response).toEqual({ uid: UID, allowed: true });
  return performance.now() - startedAtMs;
}

it("F-20: 500 new connections a second are served or refused, and reviews are answered within a second", async () => {
  const target = await startServing();
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  onTestFinished(() => agent.destroy());
  await review(target, agent);

  let isOver = false;
  const outcomes = storm(target).finally(() => {
    isOver = true;
  });
  const reviews: Promise<number>[] = [];
  while (!isOver) {
    reviews.push(review(target, agent));
    await new Promise((resolve) => setTimeout(resolve, REVIEW_INTERVAL_MS));
  }
  const latencies = (await Promise.all(reviews)).sort((a, b) => a - b);
  const served = (await outcomes).filter((outcome) => outcome === "served");
  expect(served.length).toBeGreaterThan(CONNECTIONS / 2);
  expect(latencies.length).toBeGreaterThan(50);
  expect(latencies[Math.ceil(latencies.length * 0.99) - 1]).toBeLessThan(1000);
});
