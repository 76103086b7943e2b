/** The largest legal reviews at once (F-93), what isn't legal, and the memory that the manifests give. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { connect } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { POD, reviewOf, updateOf } from "../support/reviews.ts";
import { SERVER_NAME } from "./reloading-server.ts";
import { PAIR, post, startServing } from "./serving-program.ts";

const MIB = 1024 * 1024;
/** What V8 takes for itself in a container of 512 MiB. */
const HEAP = "--max-old-space-size=256";

it("F-93: ten updates of 27 MiB at once are judged or asked to come again, within 512 MiB", async () => {
  const large = { ...POD, text: "<".repeat(2.25 * MIB) };
  const body = Buffer.from(JSON.stringify(reviewOf(updateOf(large, large))).replaceAll("<", "\\u003c"));
  expect(body.length).toBeGreaterThan(27 * MIB);
  const server = await startServing({ NODE_OPTIONS: HEAP, DRAIN_SECONDS: "0" });
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const statuses: number[] = [];
  for (let round = 0; round < 3; round++) {
    const calls = Array.from({ length: 10 }, () => post(server.port, { body, keptBy: agent }));
    const answers = await Promise.all(calls);
    statuses.push(...answers.map(({ status }) => status));
  }
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect(peakMiB(server.pid)).toBeLessThan(512);
  expect((await post(server.port)).status).toBe(200);
  server.signal("SIGTERM");
  expect(await server.ended).toMatchObject({ status: 0, stderr: "" });
}, 60_000);

describe("a body that would be more in memory than there is", () => {
  const wrap = (json: string) => {
    const review = JSON.stringify(reviewOf(updateOf({ ...POD, made: 0 }, POD)));
    return Buffer.from(review.replace('"made":0', `"made":${json}`));
  };
  const repeat = (text: string, mib: number) => text.repeat(Math.floor((mib * MIB) / text.length));
  const keys = () => {
    const written: string[] = [];
    for (let index = 0; index < 3.5e6; index++) written.push(`"${index.toString(36)}":0,`);
    return `{${written.join("")}"-":0}`;
  };

  it.each([
    ["empty objects", () => `[${repeat("{},", 31)}0]`, 400],
    ["empty lists", () => `[${repeat("[],", 31)}0]`, 400],
    ["small objects", () => `[${repeat('{"a":{"b":{}}},', 31)}0]`, 400],
    ["keys", keys, 400],
    ["control: as many objects as Kubernetes takes", () => `[${repeat("{},", 6)}0]`, 200],
    ["control: one long text", () => JSON.stringify("{".repeat(31 * MIB)), 200],
  ])(
    "of %s gets its answer, and others their verdicts",
    async (_, made, status) => {
      const server = await startServing({ NODE_OPTIONS: HEAP, DRAIN_SECONDS: "0" });
      expect((await post(server.port, { body: wrap(made()) })).status).toBe(status);
      expect((await post(server.port)).status).toBe(200);
      server.signal("SIGTERM");
      expect(await server.ended).toMatchObject({ status: 0, stderr: "" });
    },
    60_000,
  );

  it("byte by byte is held as the bytes that it is", async () => {
    const server = await startServing({ NODE_OPTIONS: HEAP, DRAIN_SECONDS: "0" });
    const socket = connect({ port: server.port, ca: PAIR.caPem, servername: SERVER_NAME });
    await once(socket, "secureConnect");
    socket.write(
      "POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const chunks = Buffer.from("1\r\nx\r\n".repeat(10_000));
    for (let sent = 0; sent < 2e6; sent += 10_000) {
      if (!socket.write(chunks)) await once(socket, "drain");
    }
    expect(peakMiB(server.pid)).toBeLessThan(400);
    socket.destroy();
    expect((await post(server.port)).status).toBe(200);
    server.signal("SIGTERM");
    expect(await server.ended).toMatchObject({ status: 0, stderr: "" });
  }, 60_000);
});

function peakMiB(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
