/** A node whose clock is not the API server's: the certificate has to be valid on both. */
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NOW, openApi, prepareInit } from "./init-run.ts";
import type { ScriptedApi } from "./scripted-api.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** `aheadMs` is how far the node's clock is ahead of the API server's. */
async function openApiBehind(aheadMs: number): Promise<{ readonly api: ScriptedApi; readonly serverNow: Date }> {
  const api = await openApi();
  const serverNow = new Date(NOW.getTime() - aheadMs);
  api.setClock(() => serverNow);
  return { api, serverNow };
}

describe.each([
  ["ahead", 1],
  ["behind", -1],
] as const)("F-99: a node's clock that is %s", (direction, sign) => {
  test.each([
    [30 * SECOND_MS, 0],
    [31 * SECOND_MS, 1],
    [50 * MINUTE_MS, 1],
  ])(
    "by %d ms is worth %d warnings, and the certificate is dated an hour before either clock",
    async (differenceMs, warnings) => {
      const { api, serverNow } = await openApiBehind(sign * differenceMs);
      const { run, certDir, logLines } = prepareInit(api);
      await run();
      const told = logLines.filter(({ level }) => level === "warn");
      expect(told).toHaveLength(warnings);
      for (const line of told) expect(line.skewSeconds).toBe((sign * differenceMs) / SECOND_MS);
      const earlier = new Date(Math.min(NOW.getTime(), serverNow.getTime()) - HOUR_MS);
      for (const file of ["tls.crt", "ca.crt"]) expect(readCertificate(certDir, file).validFromDate).toEqual(earlier);
    },
  );

  test("by 51 minutes ends init before anything is written", async () => {
    const { api } = await openApiBehind(sign * 51 * MINUTE_MS);
    const { run, certDir } = prepareInit(api);
    const preposition = direction === "ahead" ? "ahead of" : "behind";
    await expect(run()).rejects.toMatchObject({
      code: "CLOCK",
      message: `this node's clock is 51 minutes ${preposition} the API server's`,
    });
    expect(readdirSync(certDir)).toEqual([]);
    expect(api.requests.every(({ verb }) => verb === "get")).toBe(true);
  });
});

test("the certificate lives for CERT_VALIDITY from now on", async () => {
  const { api } = await openApiBehind(0);
  const { run, certDir } = prepareInit(api, { CERT_VALIDITY: "90m" });
  await run();
  for (const file of ["tls.crt", "ca.crt"]) {
    expect(readCertificate(certDir, file).validToDate).toEqual(new Date(NOW.getTime() + 90 * MINUTE_MS));
  }
});

test("a life shorter than the difference still reaches beyond the API server's now", async () => {
  const { api, serverNow } = await openApiBehind(-40 * MINUTE_MS);
  const { run, certDir } = prepareInit(api, { CERT_VALIDITY: "30m" });
  await run();
  expect(readCertificate(certDir, "tls.crt").validToDate.getTime()).toBeGreaterThan(serverNow.getTime());
});

function readCertificate(certDir: string, file: string): X509Certificate {
  return new X509Certificate(readFileSync(join(certDir, file)));
}
