import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createAlertWatch } from "../../init/keeper/alerts.ts";

function render(counts: Readonly<Record<string, number>>): string {
  const lines = Object.entries(counts).map(([alert, n]) => `portcullis_tls_client_errors_total{alert="${alert}"} ${n}`);
  return `# TYPE portcullis_tls_client_errors_total counter\n${lines.join("\n")}\nother{alert="unknown_ca"} 9\n`;
}

test("growth of what says that a client doesn't trust us is told once, also over a restart of the server", async () => {
  let counts: Readonly<Record<string, number>> = {};
  const server = createServer((_, response) => void response.end(render(counts))).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const haveGrown = createAlertWatch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
  const seen: boolean[] = [];
  for (const next of [
    {},
    { bad_certificate: 1 },
    { bad_certificate: 1 },
    { bad_certificate: 1, unknown_ca: 4 },
    { bad_certificate: 1, unknown_ca: 4, protocol_version: 7, certificate_expired: 3, other: 9 },
    // Started again, and refused again.
    { certificate_unknown: 2 },
    {},
    { certificate_unknown: 1 },
  ]) {
    counts = next;
    seen.push(await haveGrown());
  }
  expect(seen).toEqual([false, true, false, true, false, true, false, true]);
});

test("a server that isn't there yet counts as no growth", async () => {
  expect(await createAlertWatch("http://127.0.0.1:9/metrics")()).toBe(false);
});
