/** The server as a process of its own, from its source: what an operator sees of it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { findFreePorts } from "./free-port.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const START_LIMIT_MS = 15_000;

export interface Ending {
  readonly status: number | null;
  readonly stderr: string;
  /** Every line of stdout; each must be JSON. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
}

export interface StartOptions {
  /** `ulimit -n`: how many files and connections it may have open. */
  readonly openFiles?: number;
  /** Nobody reads it until `readStdout`, or it is closed. */
  readonly stdout?: "unread" | "closed";
}

export interface ServerProgram {
  readonly pid: number;
  readonly port: number;
  readonly healthPort: number;
  readonly ended: Promise<Ending>;
  /** Resolves once the health port answers; throws with what the program said when it ends before. */
  answering(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  readStdout(): void;
  probe(path: string): Promise<{ readonly status: number; readonly body: string }>;
}

/** On free ports of 127.0.0.1, with no variable but those given. */
export async function startServer(
  env: Readonly<Record<string, string>>,
  { openFiles, stdout }: StartOptions = {},
): Promise<ServerProgram> {
  const [port, healthPort] = await findFreePorts();
  const limited = ["/bin/sh", "-c", `ulimit -n ${openFiles} && exec "$0" "$@"`];
  const [command = "", ...args] = [...(openFiles === undefined ? [] : limited), process.execPath, MAIN];
  const child = spawn(command, args, {
    env: { LISTEN_ADDRESS: "127.0.0.1", PORT: String(port), HEALTH_PORT: String(healthPort), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const killWithParent = () => child.kill("SIGKILL");
  process.once("exit", killWithParent);
  const { promise: mayRead, resolve: readStdout } = Promise.withResolvers<void>();
  if (stdout !== "unread") readStdout();
  if (stdout === "closed") child.stdout.destroy();
  const readToEnd = async () => {
    await mayRead;
    return stdout === "closed" ? "" : await text(child.stdout);
  };
  const ended = Promise.all([readToEnd(), text(child.stderr), once(child, "close")]).then(
    ([stdout, stderr, [status]]) => {
      process.off("exit", killWithParent);
      return {
        status,
        stderr,
        lines: stdout
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      };
    },
  );
  const probe = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${healthPort}${path}`);
    return { status: response.status, body: await response.text() };
  };
  const failed = ended.then(({ status, stderr }) => {
    throw new Error(`the server ended with status ${status}: ${stderr}`);
  });
  failed.catch(() => {});
  return {
    pid: child.pid ?? -1,
    port,
    healthPort,
    ended,
    probe,
    answering: () => Promise.race([failed, vi.waitFor(async () => void (await probe("/healthz")), START_LIMIT_MS)]),
    signal: (name) => child.kill(name),
    readStdout,
  };
}

/** One review, on a new connection that the client would keep, as the API server does, or on one of `keptBy`. */
export async function postReview(port: number, ca: string, servername: string, body: Uint8Array, keptBy?: Agent) {
  const agent = keptBy ?? new Agent({ keepAlive: true });
  const headers = { "Content-Type": "application/json" };
  const options = { host: "127.0.0.1", port, ca, servername, method: "POST", path: "/validate", headers };
  const request = httpsRequest({ ...options, agent }).end(body);
  const [response] = await once(request, "response");
  // Of a large body that was refused not all has been sent.
  request.on("error", () => {});
  const answer = {
    status: Number(response.statusCode),
    connection: String(response.headers.connection),
    body: await text(response),
  };
  if (!keptBy) agent.destroy();
  return answer;
}
