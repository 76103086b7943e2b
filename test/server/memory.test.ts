/** F-93: the largest legal reviews at once, and the memory that the manifests give. */
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { expect, it, onTestFinished } from "vitest";
import { POD, reviewOf, updateOf } from "../support/reviews.ts";
import { post, startServing } from "./serving-program.ts";

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

function peakMiB(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
