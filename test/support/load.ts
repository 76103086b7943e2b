/**
 * Writes at a fixed rate, whether or not the earlier ones have been answered: a slow answer delays no other call, and
 * counts from the moment at which it was due.
 */
import type { ApiAnswer, ApiClient, ApiRequest } from "./api-client.ts";

export type Verdict = "admitted" | "refused";

export interface Write {
  /** Counted by it in the report. */
  readonly name: string;
  readonly request: ApiRequest;
  /** Both: whichever it gets is a verdict. */
  readonly expected: Verdict | "either";
}

export interface LoadOptions {
  /** Taken in turns. */
  readonly clients: readonly ApiClient[];
  /** Sent in turns. */
  readonly writes: readonly Write[];
  readonly ratePerSecond: number;
  /** The load goes on until the work is done and so many calls have been sent. */
  readonly minCalls: number;
}

export interface LoadReport {
  readonly calls: number;
  readonly failed: number;
  /** What each failed call got, and how many of them. */
  readonly failures: ReadonlyMap<string, number>;
  /** "NAME: admitted" and how many. */
  readonly verdicts: ReadonlyMap<string, number>;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const TICK_MS = 5;
/** Of reasons that differ in a port or a name, some will do. */
const MAX_REASONS = 20;

/** Runs `work` under load; throws what it throws. A failed call is a result. */
export async function callWhile(options: LoadOptions, work: () => Promise<void>): Promise<LoadReport> {
  const { clients, writes, ratePerSecond, minCalls } = options;
  const failures = new Map<string, number>();
  const verdicts = new Map<string, number>();
  const latenciesMs: number[] = [];
  const pending = new Set<Promise<void>>();
  let failed = 0;
  let sent = 0;

  const call = async (write: Write, client: ApiClient, dueMs: number): Promise<void> => {
    const outcome = await client.send(write.request).then(judge, (error: Error) => `no answer: ${error.message}`);
    latenciesMs.push(performance.now() - dueMs);
    count(verdicts, `${write.name}: ${outcome === "admitted" || outcome === "refused" ? outcome : "no verdict"}`);
    if (outcome === write.expected) return;
    if (write.expected === "either" && (outcome === "admitted" || outcome === "refused")) return;
    failed++;
    const reason = `${write.name}: ${outcome}`;
    if (failures.has(reason) || failures.size < MAX_REASONS) count(failures, reason);
  };

  const startMs = performance.now();
  const timer = setInterval(() => {
    for (const dueCount = ((performance.now() - startMs) / 1000) * ratePerSecond; sent < dueCount; sent++) {
      const write = writes[sent % writes.length];
      const client = clients[sent % clients.length];
      if (!write || !client) throw new Error("a load needs writes and clients");
      const ended = call(write, client, startMs + (sent / ratePerSecond) * 1000).finally(() => pending.delete(ended));
      pending.add(ended);
    }
  }, TICK_MS);
  try {
    await work();
    while (sent < minCalls) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  } finally {
    clearInterval(timer);
    await Promise.all(pending);
  }
  latenciesMs.sort((a, b) => a - b);
  const quantileMs = (share: number): number => latenciesMs[Math.floor(share * latenciesMs.length)] ?? 0;
  return { calls: latenciesMs.length, failed, failures, verdicts, p50Ms: quantileMs(0.5), p99Ms: quantileMs(0.99) };
}

/** A verdict, or what came in its place. */
function judge({ status, body }: ApiAnswer): string {
  if (status === 201) return "admitted";
  const message = String(body.message ?? "");
  if (/^admission webhook "[a-z0-9.-]+" denied the request: /.test(message)) return "refused";
  // The port of the API server's own end, different each time.
  return `status ${status} ${message.replace(/:\d+->/, "->")}`;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** One line for the output of a test: what was counted. */
export function summarise(title: string, { calls, failed, failures, p50Ms, p99Ms }: LoadReport, more = ""): string {
  const first = [...failures].slice(0, 3).map(([reason, times]) => `\n    ${times} x ${reason}`);
  const line = `${title}: ${calls} calls, ${failed} failed, p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms${more}`;
  return `  ${line}${first.join("")}\n`;
}
