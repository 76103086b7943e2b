/** Signals, and the moments at which they come. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { post, startProgram, startServing } from "./serving-program.ts";

it("F-96: SIGHUP drains as SIGTERM does", async () => {
  const server = await startServing({ DRAIN_SECONDS: "3" });
  server.signal("SIGHUP");
  await vi.waitFor(async () => expect((await server.probe("/readyz")).body).toBe("not ready: draining\n"));
  expect((await post(server.port)).status).toBe(200);
  const { status, stderr, lines } = await server.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(lines.at(-1)?.msg).toBe("closed");
});

it("F-96: SIGTERM at any moment of the start ends the program at once, without a word of complaint", async () => {
  const startMs = performance.now();
  (await startServing()).signal("SIGKILL");
  const startTakesMs = performance.now() - startMs;
  const statuses: (number | null)[] = [];
  for (const share of [0, 0.2, 0.4, 0.6, 0.8, 0.9, 1]) {
    const server = await startProgram({ DRAIN_SECONDS: "0" });
    await sleep(share * startTakesMs);
    server.signal("SIGTERM");
    const { status, stderr } = await server.ended;
    expect(stderr).toBe("");
    statuses.push(status);
  }
  // Null: the signal itself has ended it. It is not handled before there is something to close.
  expect(statuses[0]).toBe(null);
  expect(statuses.filter((status) => status !== null && status !== 0)).toEqual([]);
}, 60_000);

it("F-96: SIGTERM just before the program listens ends it with status 0", async () => {
  const atFirstHandler = `let told = false; process.on("newListener", (event) => {
    if (event !== "SIGTERM" || told) return;
    told = true;
    setImmediate(() => process.kill(process.pid, "SIGTERM"));
  });`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(atFirstHandler)}`;
  const { status, stderr, lines } = await (await startProgram({ DRAIN_SECONDS: "0", NODE_OPTIONS })).ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(["draining", "closed"]));
});

it("F-96: a second SIGTERM ends a program that drains at once", async () => {
  const server = await startServing({ DRAIN_SECONDS: "600" });
  server.signal("SIGTERM");
  await vi.waitFor(async () => expect((await server.probe("/readyz")).status).toBe(503));
  server.signal("SIGTERM");
  expect((await server.ended).status).toBe(1);
});
