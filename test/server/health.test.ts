import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { evaluate } from "../../src/admission/evaluate.ts";
import { PortcullisError } from "../../src/errors.ts";
import { indexPolicies } from "../../src/policy/policy-index.ts";
import { createHealthListener } from "../../src/server/app.ts";
import { createHealthServer, listen } from "../../src/server/listen.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createRecorder } from "../../src/telemetry/recorder.ts";
import { policyOf, ruleThatFinds } from "../support/policies.ts";
import { callOf, decoded } from "../support/reviews.ts";

let reasons: readonly string[] = [];
let notes: readonly string[] = [];
const metrics = createMetrics();
const health: Server = createHealthServer(
  createHealthListener(
    () => reasons,
    metrics.registry,
    () => notes,
  ),
);
await listen(health, 0, "127.0.0.1");
const base = `http://127.0.0.1:${(health.address() as AddressInfo).port}`;
afterAll(() => {
  health.closeAllConnections();
  health.close();
});

async function get(path: string, init: RequestInit = {}) {
  const response = await fetch(base + path, init);
  return { status: response.status, type: response.headers.get("content-type"), body: await response.text() };
}

describe("/healthz", () => {
  it("says ok while the process can answer, ready or not", async () => {
    reasons = ["draining"];
    expect(await get("/healthz")).toEqual({ status: 200, type: "text/plain; charset=utf-8", body: "ok\n" });
  });
});

describe("/readyz", () => {
  it("says ok where nothing speaks against it", async () => {
    reasons = [];
    expect(await get("/readyz")).toEqual({ status: 200, type: "text/plain; charset=utf-8", body: "ok\n" });
  });

  it("says every reason, a line each, where something does", async () => {
    reasons = ["draining", "the certificate expired at 2026-01-01T00:00:00.000Z"];
    const { status, body } = await get("/readyz?verbose");
    expect(status).toBe(503);
    expect(body).toBe("not ready: draining\nnot ready: the certificate expired at 2026-01-01T00:00:00.000Z\n");
  });
});

describe("a note on /readyz", () => {
  it.each([
    [[], 200],
    [["draining"], 503],
  ] as const)("is no reason to be unready: %j", async (given, expected) => {
    reasons = given;
    notes = ["something to know"];
    const { status, body } = await get("/readyz");
    expect(status).toBe(expected);
    expect(body).toMatch(/\nnote: something to know\n$/);
    notes = [];
  });
});

describe("/metrics", () => {
  it("is Prometheus' text format, each sample under its HELP and TYPE", async () => {
    const policy = policyOf(ruleThatFinds({}));
    const index = indexPolicies([policy]);
    const request = decoded();
    const outcome = evaluate(callOf(), { kind: "judge", operation: "CREATE", policies: [policy] }, request);
    const logger = createLogger("server", "fatal", { write: () => {} });
    createRecorder(logger, metrics).reviewed(callOf(), request, outcome, index);
    metrics.failed("mutate", "oversize");
    metrics.unknownEntry("validate");
    metrics.certificateNotAfter("leaf", new Date("2026-11-21T12:00:00Z"));

    const { status, type, body } = await get("/metrics");
    expect(status).toBe(200);
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    const families = body.trim().split("\n\n");
    for (const family of families) {
      const [help = "", kind = "", ...samples] = family.split("\n");
      const [, name] = /^# HELP (portcullis_\w+) \S.*\.$/.exec(help) ?? [];
      expect(name, help).toBeDefined();
      expect(kind).toMatch(new RegExp(`^# TYPE ${name} (counter|gauge|histogram)$`));
      for (const sample of samples) {
        expect(sample).toMatch(new RegExp(`^${name}(_bucket|_sum|_count)?(\\{(\\w+="[^"\\n]*",?)+\\})? [-+\\d.e]+$`));
      }
    }
    expect(body).toContain(
      'portcullis_admission_reviews_total{phase="validate",operation="CREATE",resource="pods",verdict="denied"} 1\n',
    );
    expect(body).toContain(
      'portcullis_violations_total{policy="a-policy",rule="made-up",code="MADE-UP",effect="deny"} 1\n',
    );
    expect(body).toContain('portcullis_admission_errors_total{phase="mutate",error="oversize"} 1\n');
    expect(body).toContain('portcullis_unknown_entries_total{phase="validate"} 1\n');
    expect(body).toContain('portcullis_certificate_not_after_seconds{kind="leaf"} 1795262400\n');
  });
});

describe("anything else on the health port", () => {
  it.each([
    ["GET", "/"],
    ["GET", "/Healthz"],
    ["GET", "/healthz/"],
    ["POST", "/readyz"],
    ["POST", "/validate"],
    ["GET", "/%"],
  ])("is not found: %s %s", async (method, path) => {
    const { status, body } = await get(path, { method });
    expect(status).toBe(404);
    expect(JSON.parse(body)).toMatchObject({ kind: "Status", message: "not found" });
  });
});

describe("a port that is taken", () => {
  it("is told with address, port and the system's reason", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const failure = listen(
      createHealthServer(() => {}),
      port,
      "127.0.0.1",
    );
    await expect(failure).rejects.toThrow(
      new PortcullisError("LISTEN", `can't listen on 127.0.0.1, port ${port}: EADDRINUSE`),
    );
    other.close();
  });
});
