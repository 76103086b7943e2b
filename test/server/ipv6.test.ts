/** IPv6 and dual stack: both families without a setting, one address where it is set; and init by way of an API server on ::1. */

import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect, createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { bundlesOf, MUTATING, makeDirectory, openApi, prepareInit, readOwnCa, VALIDATING } from "../init/init-run.ts";
import { bytesOf, requestOf, reviewOf, UID } from "../support/reviews.ts";
import { SERVER_NAME } from "./reloading-server.ts";
import { PAIR, startProgram } from "./serving-program.ts";

const LOOPBACK = ["127.0.0.1", "::1"] as const;
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);
const test = hasIpv6
  ? it
  : (title: string, _test: () => Promise<void>) => it.skip(`${title} (there is no ::1)`, () => {});

/** Of a review, over a connection to that address; undefined where nobody listens. */
async function verdictBy(host: string, port: number): Promise<string | undefined> {
  const target = { host, port, ca: PAIR.caPem, servername: SERVER_NAME, path: "/validate", agent: false } as const;
  const sent = request({ ...target, method: "POST", headers: { "Content-Type": "application/json" } });
  sent.end(bytesOf(reviewOf(requestOf())));
  try {
    const [response] = await once(sent, "response");
    return await text(response);
  } catch {
    return undefined;
  }
}

async function probeBy(host: string, port: number): Promise<number | undefined> {
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}/healthz`;
  return await fetch(url).then(
    ({ status }) => status,
    () => undefined,
  );
}

test("without LISTEN_ADDRESS both families are served, calls and probes", async () => {
  // Empty counts as not set.
  const server = await startProgram({ LISTEN_ADDRESS: "" });
  await server.answering();
  for (const host of LOOPBACK) {
    expect(await verdictBy(host, server.port), host).toContain(UID);
    expect(await probeBy(host, server.healthPort), host).toBe(200);
  }
});

test("with an IPv6 address it is that one alone, for both ports", async () => {
  const server = await startProgram({ LISTEN_ADDRESS: "::1" });
  await expect.poll(() => probeBy("::1", server.healthPort), { timeout: 15_000 }).toBe(200);
  expect(await verdictBy("::1", server.port)).toContain(UID);
  expect(await verdictBy("127.0.0.1", server.port)).toBeUndefined();
  expect(await probeBy("127.0.0.1", server.healthPort)).toBeUndefined();
});

test("init registers by way of an API server that has an IPv6 address", async () => {
  const api = await openApi();
  const [, port = ""] = /https:\/\/127\.0\.0\.1:(\d+)/.exec(readFileSync(api.kubeconfig, "utf8")) ?? [];
  const relay = await startRelay(Number(port));
  const kubeconfig = join(makeDirectory(), "kubeconfig");
  const { port: ownPort } = relay.address() as { port: number };
  writeFileSync(kubeconfig, readFileSync(api.kubeconfig, "utf8").replace(`127.0.0.1:${port}`, `[::1]:${ownPort}`));
  const { run, certDir } = prepareInit({ ...api, kubeconfig });
  await run();
  expect(existsSync(join(certDir, "tls.crt"))).toBe(true);
  for (const kind of [MUTATING, VALIDATING]) {
    const bundles = bundlesOf(api, kind);
    expect(bundles.length).toBeGreaterThan(0);
    expect(bundles.every((bundle) => bundle.includes(readOwnCa(certDir)))).toBe(true);
  }
  relay.close();
  await expect(prepareInit({ ...api, kubeconfig }, { INIT_DEADLINE_SECONDS: "1" }).run(), "control").rejects.toThrow();
});

/** From ::1 to that port of 127.0.0.1. */
async function startRelay(port: number): Promise<Server> {
  const relay = createServer((socket) => {
    const onward = connect(port, "127.0.0.1");
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on("error", () => [socket, onward].map((each) => each.destroy()));
  });
  onTestFinished(() => void relay.close());
  await once(relay.listen(0, "::1"), "listening");
  return relay;
}
