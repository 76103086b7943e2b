import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { issueCheckedPair } from "../../init/certificates/issue.ts";
import { writePair } from "../../src/tls/files.ts";
import { serverName } from "../../src/tls/profile.ts";
import { findFreePorts } from "../support/free-port.ts";
import { SHIPPED_POLICIES, waitUntil } from "../support/installation.ts";
import { type Program, startProgram } from "../support/program.ts";
import type { DirectTarget } from "./direct-stage.ts";

export interface DirectPods {
  /** Ends the server that runs, if one does, and starts another with certificates of its own. */
  replace(): Promise<DirectTarget>;
  stop(): Promise<void>;
}

/** The server with init's certificates, and nothing else of init: there is no API server to register with. */
export async function startDirectPods(directory: string): Promise<DirectPods> {
  const names = { service: "portcullis", namespace: "portcullis" };
  let running: Program | undefined;
  const stop = async () => {
    running?.kill("SIGTERM");
    await running?.exited;
    running = undefined;
  };
  return {
    stop,
    async replace() {
      await stop();
      const podUid = randomUUID();
      const certDir = join(directory, podUid);
      mkdirSync(certDir);
      const now = new Date();
      const order = {
        names,
        podUid,
        keyAlgorithm: "ecdsa-p256",
        validityMs: 3_600_000,
        now,
        serverDate: undefined,
      } as const;
      const pair = issueCheckedPair(order);
      writePair(certDir, pair, now);
      const [port, healthPort] = await findFreePorts();
      const server = startProgram("server", {
        CERT_DIR: certDir,
        POLICY_DIR: SHIPPED_POLICIES,
        LISTEN_ADDRESS: "127.0.0.1",
        PORT: String(port),
        HEALTH_PORT: String(healthPort),
        DRAIN_SECONDS: "0",
      });
      running = server;
      await waitUntil("the server is ready", 10_000, async () => {
        const response = await fetch(`http://127.0.0.1:${healthPort}/readyz`).catch(() => undefined);
        return response?.status === 200;
      });
      return { port, caPem: pair.caPem, servername: serverName(names.service, names.namespace) };
    },
  };
}
