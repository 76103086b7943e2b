/** When rounds happen, and what the keeper answers meanwhile. */
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { runKeeper } from "../../init/keeper/keeper.ts";
import { findFreePort } from "../support/free-port.ts";
import { openApi } from "./init-run.ts";
import { type PreparedKeeper, prepareKeeper } from "./keeper-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

/** The status and the text; 0 when nobody listens. */
function ask(port: number, path: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve) => {
    const request = get({ port, path, agent: false }, async (response) => {
      resolve({ status: response.statusCode ?? 0, body: await text(response) });
    });
    request.once("error", () => resolve({ status: 0, body: "" }));
  });
}

interface Kept extends PreparedKeeper {
  readonly port: number;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** `onSleep` sees the time since the first round. */
async function keep(api: ScriptedApi, env: object, onSleep: (kept: () => Kept, ms: number) => Promise<void>) {
  const port = await findFreePort();
  const prepared = prepareKeeper(api, { CA_SETTLE_MS: "0", KEEPER_PORT: String(port), HEALTH_PORT: "9", ...env });
  const { clock } = prepared;
  const sleepOn = clock.sleep;
  let sinceMs = 0;
  clock.sleep = async (ms) => {
    await onSleep(() => kept, sinceMs);
    sinceMs += ms;
    await sleepOn(ms);
  };
  const stop = new AbortController();
  const kept: Kept = { ...prepared, port, stop, ended: runKeeper(prepared.context, stop.signal) };
  onTestFinished(() => stop.abort());
  return kept;
}

test("the startup probe fails until the first round is done; then it answers, with metrics beside it", async () => {
  const api = await openApi();
  const seen: number[] = [];
  api.script({
    verb: "create",
    before: async () => seen.push((await ask(kept.port, "/healthz")).status),
    delayMs: 200,
  });
  const kept = await keep(api, {}, async (self) => {
    seen.push((await ask(self().port, "/healthz")).status);
    const metrics = await ask(self().port, "/metrics");
    expect(metrics.body).toContain(
      'portcullis_ca_in_bundle{configuration="ValidatingWebhookConfiguration/portcullis"} 1',
    );
    expect((await ask(self().port, "/other")).status).toBe(404);
    self().stop.abort();
  });
  await kept.ended;
  expect(seen).toEqual([503, 200]);
  expect((await ask(kept.port, "/healthz")).status).toBe(0);
});

test("a round every thirty seconds, five per cent more or less, in short sleeps", async () => {
  const api = await openApi();
  const kept = await keep(api, { MUTATE_CONFIG: "" }, async (self, ms) => {
    if (ms > 10 * 60_000) self().stop.abort();
  });
  await kept.ended;
  // The fake clock's random is 0: the shortest.
  const rounds = api.requests.length - 5;
  expect(rounds).toBe(Math.ceil(602_000 / 28_500));
  expect(Math.max(...kept.clock.sleptMs)).toBe(2000);
});

test("a client that refuses our certificate brings the next round forward", async () => {
  const api = await openApi();
  let count = 0;
  const server = createServer((_, response) => {
    response.end(`portcullis_tls_client_errors_total{alert="bad_certificate"} ${count}\n`);
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const requestsAt: number[] = [];
  const kept = await keep(api, { MUTATE_CONFIG: "", HEALTH_PORT: String(port) }, async (self, ms) => {
    requestsAt.push(api.requests.length);
    if (ms === 4000) count = 3;
    if (ms === 10_000) self().stop.abort();
  });
  await kept.ended;
  // At 0, 2, 4, 6, 8 s: the first round, and the one after the alerts; no third for the same ones.
  const [first = 0] = requestsAt;
  expect(requestsAt.slice(0, 3)).toEqual([first, first, first]);
  expect(requestsAt.at(-1)).toBe(first + 1);
});

test("a first round that fails ends the program", async () => {
  const api = await openApi();
  api.script({ verb: "create", answer: 403, times: Number.POSITIVE_INFINITY });
  const kept = await keep(api, {}, async () => {});
  await expect(kept.ended).rejects.toMatchObject({ code: "RBAC" });
});

test("a port that is taken ends the program", async () => {
  const api = await openApi();
  const server = createServer().listen(0);
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const kept = await keep(api, { KEEPER_PORT: String((server.address() as AddressInfo).port) }, async () => {});
  await expect(kept.ended).rejects.toMatchObject({ code: "LISTEN", message: expect.stringContaining("KEEPER_PORT") });
});
