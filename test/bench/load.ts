/**
 * The load, a process of its own: each connection sends the same bytes again once it has its answer. It does less than the
 * cheapest of the servers, or it would measure itself: no HTTP client, and an answer is compared with one that was judged.
 */
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { createAnswerCheck, type Expected } from "./expected.ts";
import { readCpuSeconds } from "./process-usage.ts";

export interface LoadOrder {
  readonly port: number;
  readonly caPem: string;
  readonly servername: string;
  readonly path: string;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly expected: Expected;
  /** Whose CPU time is read when the measurement begins and when it ends. */
  readonly serverPid: number;
}

/** What was seen after the warm-up. */
export interface LoadResult {
  readonly latenciesMs: readonly number[];
  readonly seconds: number;
  /** Of the server, user and system. */
  readonly serverCpuSeconds: number;
  readonly loadCpuSeconds: number;
  /** What was wrong with answers, of the warm-up too, and how often. */
  readonly wrong: Readonly<Record<string, number>>;
}

const HEAD_END = Buffer.from("\r\n\r\n");
/** "HTTP/1.1 200": where the status stands. */
const OK = Buffer.from("HTTP/1.1 200 ");
/** A server that stops answering fails the run. */
const SILENCE_MS = 10_000;

async function run(order: LoadOrder): Promise<LoadResult> {
  const wrong: Record<string, number> = {};
  const check = createAnswerCheck(order.expected, (problem) => {
    wrong[problem] = (wrong[problem] ?? 0) + 1;
  });
  const head = [
    `POST ${order.path}?timeout=10s HTTP/1.1`,
    `Host: ${order.servername}:443`,
    "User-Agent: kube-apiserver-admission",
    `Content-Length: ${order.body.length}`,
    "Accept: application/json, */*",
    "Content-Type: application/json",
    "Accept-Encoding: gzip",
  ];
  const request = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), order.body]);
  const latenciesMs: number[] = [];
  let measuring = false;
  let stopping = false;
  let lastAnswerMs = performance.now();

  const ask = (socket: TLSSocket): Promise<void> =>
    new Promise((resolve, reject) => {
      let sentAtMs = 0;
      let pending: Buffer | undefined;
      const send = () => {
        sentAtMs = performance.now();
        socket.write(request);
      };
      socket.on("data", (chunk: Buffer) => {
        const bytes: Buffer = pending ? Buffer.concat([pending, chunk]) : chunk;
        const headEnd = bytes.indexOf(HEAD_END);
        const end = headEnd < 0 ? Number.POSITIVE_INFINITY : headEnd + 4 + contentLengthOf(bytes, headEnd);
        if (bytes.length < end) {
          pending = bytes;
          return;
        }
        pending = undefined;
        lastAnswerMs = performance.now();
        if (measuring) latenciesMs.push(lastAnswerMs - sentAtMs);
        check(bytes.compare(OK, 0, OK.length, 0, OK.length) === 0, bytes.subarray(headEnd + 4));
        if (stopping) {
          socket.end();
          resolve();
        } else send();
      });
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("the server closed a connection")));
      send();
    });

  const options = { host: "127.0.0.1", port: order.port, ca: order.caPem, servername: order.servername };
  const sockets = await Promise.all(Array.from({ length: order.connections }, () => open(options)));
  const asking = Promise.all(sockets.map(ask));
  let watch: NodeJS.Timeout | undefined;
  const watching = new Promise<never>((_, reject) => {
    watch = setInterval(() => {
      if (performance.now() - lastAnswerMs > SILENCE_MS) reject(new Error(`no answer for ${SILENCE_MS} ms`));
    }, 1000);
  });
  const pause = (seconds: number) =>
    Promise.race([new Promise((resolve) => setTimeout(resolve, seconds * 1000)), asking, watching]);

  await pause(order.warmUpSeconds);
  const [startMs, serverCpu, ownCpu] = [performance.now(), readCpuSeconds(order.serverPid), process.cpuUsage()];
  measuring = true;
  await pause(order.seconds);
  measuring = false;
  const seconds = (performance.now() - startMs) / 1000;
  const serverCpuSeconds = readCpuSeconds(order.serverPid) - serverCpu;
  const { user, system } = process.cpuUsage(ownCpu);
  stopping = true;
  // One connection that has stalled among others that go on is found here.
  await Promise.race([asking, watching]).finally(() => clearInterval(watch));

  return { latenciesMs, seconds, serverCpuSeconds, loadCpuSeconds: (user + system) / 1e6, wrong };
}

function open(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.setNoDelay(true).once("error", reject);
  });
}

function contentLengthOf(bytes: Buffer, headEnd: number): number {
  const match = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, headEnd));
  if (!match) throw new Error("an answer without Content-Length");
  return Number(match[1]);
}

process.on("message", (order: LoadOrder) => {
  run(order).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
// Ends with the process that started it.
process.once("disconnect", () => process.exit());
