import { once } from "node:events";
import { Agent, request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { BodyCase, FuzzCase, RawCase } from "./fuzz-case.ts";
import type { Target } from "./target.ts";

/** Longer than any deadline that a call without `?timeout=` has. */
const ANSWER_LIMIT_MS = 20_000;
const HANDSHAKE_LIMIT_MS = 5_000;
/** What is no request is often answered with nothing: so long is waited for the first byte, and so long after the last. */
const FIRST_BYTE_MS = 100;
const QUIET_MS = 10;
const HALF_CLOSED_MS = 150;

export interface HttpAnswer {
  readonly kind: "http";
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: string;
}
export type Answer =
  | HttpAnswer
  /** All that came back on a connection. */
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | { readonly kind: "none"; readonly reason: string };

type Aim = Pick<Target, "port" | "healthPort" | "caPem" | "servername">;

export interface Sender {
  send(fuzzCase: FuzzCase): Promise<Answer>;
  close(): void;
}

/** Bodies go over one connection that is kept, as the API server's do. */
export function createSender(aim: Aim, answerLimitMs = ANSWER_LIMIT_MS): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: aim.caPem, servername: aim.servername });
  return {
    async send(fuzzCase) {
      if (fuzzCase.kind === "raw") return { kind: "bytes", bytes: await sendRaw(aim, fuzzCase) };
      const first = await post(aim, agent, fuzzCase, answerLimitMs);
      // Another case may have cost it the connection.
      return isLost(first) ? await post(aim, agent, fuzzCase, answerLimitMs) : first;
    },
    close: () => agent.destroy(),
  };
}

export const TIMED_OUT = "no answer in time";

function isLost(answer: Answer): boolean {
  return answer.kind === "none" && answer.reason !== TIMED_OUT;
}

async function post({ port }: Aim, agent: Agent, body: BodyCase, answerLimitMs: number): Promise<Answer> {
  const { path, contentType, bytes } = body;
  const headers = { "Content-Type": contentType, "Content-Length": bytes.length };
  const signal = AbortSignal.timeout(answerLimitMs);
  try {
    const sent = httpsRequest({ host: "127.0.0.1", port, agent, method: "POST", path, headers, signal });
    sent.end(bytes);
    const [response] = await once(sent, "response");
    const answered = await text(response);
    return { kind: "http", status: response.statusCode, contentType: response.headers["content-type"], body: answered };
  } catch (error) {
    const reason = signal.aborted ? TIMED_OUT : `no answer: ${(error as NodeJS.ErrnoException).code ?? error}`;
    return { kind: "none", reason };
  }
}

/** What becomes of the connection on our side is no matter: only what came back is. */
async function sendRaw(aim: Aim, { transport, pieces, ending, bytes }: RawCase): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const plain = connect(transport === "health" ? aim.healthPort : aim.port, "127.0.0.1").setNoDelay();
  plain.on("error", () => undefined);
  const closed = once(plain, "close").catch(() => undefined);
  const socket = await openFor(transport, plain, aim);
  if (socket === undefined) return Buffer.alloc(0);
  let lastByteMs = Number.POSITIVE_INFINITY;
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    lastByteMs = performance.now();
  });
  let at = 0;
  for (const piece of pieces) {
    socket.write(bytes.subarray(at, at + piece));
    at += piece;
    await setImmediate();
  }
  if (ending === "half-close") {
    socket.end();
    await Promise.race([closed, sleep(HALF_CLOSED_MS)]);
  }
  if (ending === "wait") {
    const limitMs = performance.now() + FIRST_BYTE_MS;
    const isDone = () => plain.destroyed || performance.now() > Math.min(limitMs, lastByteMs + QUIET_MS);
    while (!isDone()) await Promise.race([closed, sleep(QUIET_MS)]);
  }
  if (ending === "cut" && transport !== "tls") plain.resetAndDestroy();
  socket.destroy();
  plain.destroy();
  return Buffer.concat(chunks);
}

async function openFor(transport: RawCase["transport"], plain: Socket, aim: Aim): Promise<Socket | undefined> {
  try {
    const signal = AbortSignal.timeout(HANDSHAKE_LIMIT_MS);
    if (transport === "tcp" || transport === "health") {
      await once(plain, "connect", { signal });
      return plain;
    }
    const tls = connectTls({ socket: plain, ca: aim.caPem, servername: aim.servername });
    tls.on("error", () => undefined);
    await once(tls, "secureConnect", { signal });
    return transport === "tls" ? tls : plain;
  } catch {
    plain.destroy();
    return undefined;
  }
}
