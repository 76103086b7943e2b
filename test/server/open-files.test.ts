/** The program with no file descriptor left: nothing falls over, and all is well once some are free again. */
import { existsSync, readdirSync } from "node:fs";
import { Agent } from "node:https";
import { connect, type Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { post, startServing } from "./serving-program.ts";

const OPEN_FILES = 64;
/** More than there are descriptors, and all at once. */
const CONNECTIONS = 3 * OPEN_FILES;
const LIMIT = { timeout: 15_000 };

describe.skipIf(!existsSync("/proc/self/fd"))("without a file descriptor left (skipped without /proc)", () => {
  it("F-92: more connections than file descriptors leave the open ones alone, and others are taken again afterwards", async () => {
    const server = await startServing({ DRAIN_SECONDS: "0" }, { openFiles: OPEN_FILES });
    const countOpen = () => readdirSync(`/proc/${server.pid}/fd`).length;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    expect((await post(server.port, { keptBy: agent })).status).toBe(200);
    const before = countOpen();

    let turnedAway = 0;
    const sockets = Array.from({ length: CONNECTIONS }, (): Socket => {
      const socket = connect(server.port, "127.0.0.1");
      return socket.on("error", () => {}).once("close", () => turnedAway++);
    });
    await vi.waitFor(() => expect(turnedAway).toBeGreaterThan(CONNECTIONS / 3), LIMIT);
    expect(countOpen()).toBeGreaterThan(OPEN_FILES - 5);
    // The connection from before is as good as ever, and a new one has no place.
    expect((await post(server.port, { keptBy: agent })).status).toBe(200);
    await expect(post(server.port)).rejects.toThrow(/ECONNRESET|socket hang up|disconnected/);

    for (const socket of sockets) socket.destroy();
    await vi.waitFor(() => expect(countOpen()).toBeLessThanOrEqual(before), LIMIT);
    expect((await post(server.port)).status).toBe(200);
    expect(await server.probe("/readyz")).toEqual({ status: 200, body: "ok\n" });
    server.signal("SIGTERM");
    const { status, stderr } = await server.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
