/** The program with a good pair and the policies that ship, until the end of the test that starts it. */
import type { Agent } from "node:https";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { writePair } from "../../src/tls/files.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import { postReview, type ServerProgram, type StartOptions, startServer } from "../support/server-program.ts";
import { issuePair, SERVER_NAME, temporaryDirectory } from "./reloading-server.ts";

const POLICY_DIR = fileURLToPath(new URL("../../manifests/policies", import.meta.url));
export const PAIR = issuePair();

type Environment = Readonly<Record<string, string>>;

/** Not to be used in concurrent tests: they would end each other's programs. */
export async function startProgram(env: Environment = {}, options: StartOptions = {}): Promise<ServerProgram> {
  const certDir = temporaryDirectory();
  writePair(certDir, PAIR, new Date());
  const server = await startServer({ CERT_DIR: certDir, POLICY_DIR, ...env }, options);
  onTestFinished(() => server.signal("SIGKILL"));
  return server;
}

/** Returns once it answers. */
export async function startServing(env: Environment = {}, options: StartOptions = {}): Promise<ServerProgram> {
  const server = await startProgram(env, options);
  await server.answering();
  return server;
}

const REVIEW = bytesOf(reviewOf(requestOf()));

/** Posts a review to what listens there for the program. */
export function post(port: number, { body = REVIEW, keptBy }: { body?: Uint8Array; keptBy?: Agent } = {}) {
  return postReview(port, PAIR.caPem, SERVER_NAME, body, keptBy);
}
