/** SIGTERM while callers leave the program no rest: as a Pod of two ends, whose Service forgets it some time later. */
import { Agent } from "node:https";
import { type AddressInfo, connect, createServer } from "node:net";
import { pipeline } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished, vi } from "vitest";
import type { ServerProgram } from "../support/server-program.ts";
import { post, startServing } from "./serving-program.ts";

/** Each calls again as soon as it is answered. */
const CALLERS = 16;
const ENDPOINT_LAG_MS = 500;

/** New connections go to the Pod of the moment; those that exist stay where they are. */
async function startService(first: ServerProgram) {
  let pod = first;
  const service = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: pod.port, host: "127.0.0.1", noDelay: true });
    pipeline(client, upstream, client, () => {});
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void service.close());
  await vi.waitFor(() => expect(service.listening).toBe(true));
  return {
    port: (service.address() as AddressInfo).port,
    use(next: ServerProgram) {
      pod = next;
    },
  };
}

async function terminateUnderLoad(drainSeconds: number) {
  const env = { DRAIN_SECONDS: String(drainSeconds) };
  const [old, next] = await Promise.all([startServing(env), startServing(env)]);
  const service = await startService(old);
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  onTestFinished(() => agent.destroy());
  const answers: { status: number | string; connection: string }[] = [];
  let isOver = false;
  const callOnAndOn = async (): Promise<void> => {
    while (!isOver) {
      answers.push(
        await post(service.port, { keptBy: agent }).catch((error: Error) => ({
          status: error.message,
          connection: "",
        })),
      );
    }
  };
  const callers = Array.from({ length: CALLERS }, callOnAndOn);
  const countFrom = (start: number, count: number) =>
    vi.waitFor(() => expect(answers.length).toBeGreaterThan(start + count), { timeout: 20_000 });

  await countFrom(0, 20 * CALLERS);
  old.signal("SIGTERM");
  await sleep(ENDPOINT_LAG_MS);
  service.use(next);
  const { status, stderr, lines } = await old.ended;
  await countFrom(answers.length, 20 * CALLERS);
  isOver = true;
  await Promise.all(callers);
  return {
    ending: { status, stderr, last: lines.at(-1)?.msg },
    lost: answers.filter((answer) => answer.status !== 200),
    asked: answers.filter(({ connection }) => connection === "close").length,
  };
}

it("F-94: a program that is told to end under full load ends with status 0, and no call is lost", async () => {
  const { ending, lost, asked } = await terminateUnderLoad(3);
  expect(ending).toEqual({ status: 0, stderr: "", last: "closed" });
  expect(lost).toEqual([]);
  // It was busy until the end: whoever came was answered, and asked to connect elsewhere.
  expect(asked).toBeGreaterThanOrEqual(CALLERS);
}, 60_000);

it("the same load finds a program that ends before its Service has forgotten it", async () => {
  const { lost } = await terminateUnderLoad(0);
  expect(lost).not.toEqual([]);
}, 60_000);
