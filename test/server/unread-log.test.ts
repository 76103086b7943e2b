/** F-90: nobody reads what the program logs, or nobody is there to. */
import { Agent } from "node:https";
import { expect, it, onTestFinished, vi } from "vitest";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import type { ServerProgram } from "../support/server-program.ts";
import { post, startServing } from "./serving-program.ts";

const LONG = "n".repeat(250);
/** Its line in the log, at debug, is more than a kilobyte. */
const BODY = bytesOf(
  reviewOf(requestOf({ name: LONG, namespace: LONG, subResource: LONG, userInfo: { username: LONG } })),
);
/** A pipe holds 64 KiB, and the program 4 MiB. */
const CALLS = 6000;

async function callOften(server: ServerProgram, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  onTestFinished(() => agent.destroy());
  const callers = Array.from({ length: 8 }, async () => {
    for (let calls = 0; calls < count / 8; calls++) {
      expect((await post(server.port, { body: BODY, keptBy: agent })).status).toBe(200);
    }
  });
  await Promise.all(callers);
}

async function countDropped(server: ServerProgram): Promise<number> {
  const { body } = await server.probe("/metrics");
  return Number(/^portcullis_log_lines_dropped_total (\d+)$/m.exec(body)?.[1]);
}

it("F-90: a log that nobody reads holds no call up; what is too much is dropped and counted", async () => {
  const server = await startServing({ LOG_LEVEL: "debug", DRAIN_SECONDS: "0" }, { stdout: "unread" });
  expect(await countDropped(server)).toBe(0);
  await callOften(server, CALLS);
  const dropped = await countDropped(server);
  expect(dropped).toBeGreaterThan(0);

  server.readStdout();
  // Once what waited is read, nothing more is lost.
  await vi.waitFor(async () => {
    const before = await countDropped(server);
    await callOften(server, 8);
    expect(await countDropped(server)).toBe(before);
  }, 10_000);
  server.signal("SIGTERM");
  const { status, lines } = await server.ended;
  expect(status).toBe(0);
  expect(lines.length).toBeLessThan(CALLS + 100);
  expect(lines.at(0)).toMatchObject({ msg: "serving" });
  expect(lines.at(-1)).toMatchObject({ msg: "closed" });
}, 60_000);

it("F-90: a log that nobody is there to read is no reason to end", async () => {
  const server = await startServing({ LOG_LEVEL: "debug", DRAIN_SECONDS: "0" }, { stdout: "closed" });
  await callOften(server, 80);
  expect(await countDropped(server)).toBeGreaterThan(50);
  server.signal("SIGTERM");
  expect(await server.ended).toMatchObject({ status: 0, stderr: "" });
});
