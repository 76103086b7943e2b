/** The program itself with bugs in it, in a request and outside any: what an operator would see. */
import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { describe, expect, it, vi } from "vitest";
import { MESSAGE, PROMISED, SIGNALS } from "../support/broken-program.ts";
import { bytesOf, requestOf, reviewOf } from "../support/reviews.ts";
import type { ServerProgram } from "../support/server-program.ts";
import { SERVER_NAME } from "./reloading-server.ts";
import { PAIR, post, startServing } from "./serving-program.ts";

const NODE_OPTIONS = `--import=${new URL("../support/break-program.ts", import.meta.url).href}`;
const MARK = "hunter2";

const start = () => startServing({ NODE_OPTIONS, DRAIN_SECONDS: "3" });

/** A Pod whose volume concerns velero-backup, which ships. */
function reviewOfPod(name: string): Uint8Array {
  const annotations = { "backup.velero.io/backup-volumes": "data" };
  const volumes = [{ name: "data", persistentVolumeClaim: { claimName: MARK } }];
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name, annotations }, spec: { volumes, containers: [] } };
  return bytesOf(reviewOf(requestOf({ name, object })));
}

const postPod = ({ port }: ServerProgram, name: string) => post(port, { body: reviewOfPod(name) });

/** A review of which the server has half the body; the function sends the rest and gives the status. */
async function beginReview({ port }: ServerProgram): Promise<() => Promise<number>> {
  const body = reviewOfPod("web");
  const headers = { "Content-Type": "application/json", "Content-Length": body.length, Expect: "100-continue" };
  const target = { host: "127.0.0.1", port, ca: PAIR.caPem, servername: SERVER_NAME };
  const sent = httpsRequest({ ...target, method: "POST", path: "/validate", headers });
  sent.flushHeaders();
  await once(sent, "continue");
  sent.write(body.subarray(0, 100));
  return async () => {
    sent.end(body.subarray(100));
    const [response] = await once(sent, "response");
    await text(response);
    return response.statusCode;
  };
}

describe("the program with a bug", () => {
  it.each(Object.entries(SIGNALS))(
    "F-83: that %s outside any request drains, finishes what it has begun, and ends with status 1",
    async (_name, signal) => {
      const server = await start();
      const finishReview = await beginReview(server);
      server.signal(signal);
      await vi.waitFor(async () => {
        expect(await server.probe("/readyz")).toEqual({ status: 503, body: "not ready: draining\n" });
      });
      expect((await postPod(server, "web")).status).toBe(200);
      expect(await finishReview()).toBe(200);
      const { status, stderr, lines } = await server.ended;
      expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
      expect(lines.filter(({ level }) => level === "fatal")).toMatchObject([
        { msg: "closing after an error outside any request", err: { message: MESSAGE } },
      ]);
      expect(lines.at(-1)).toMatchObject({ msg: "closed" });
    },
  );

  it("F-82: in a rule, whose promise is rejected later, fails that call and serves on", async () => {
    const server = await start();
    expect((await postPod(server, "web")).status).toBe(200);
    expect((await postPod(server, PROMISED)).status).toBe(500);
    expect((await postPod(server, "web")).status).toBe(200);
    expect(await server.probe("/readyz")).toEqual({ status: 200, body: "ok\n" });
    server.signal("SIGTERM");
    const { status, stderr, lines } = await server.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.stringify(lines)).not.toContain(MARK);
  });
});
