import { describe, expect, test } from "vitest";
import { createHealthListener } from "../../src/server/app.ts";
import { createHealthServer, listen } from "../../src/server/listen.ts";
import { registrationNotes } from "../../src/server/registration-note.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { directoryOf } from "../support/policy-directory.ts";

const LOADED = "aaaaaaaaaaaa";
const OTHER = "0123456789ab";

function notesOn(text: string): readonly string[] {
  return registrationNotes(directoryOf({ "registration.json": text }), LOADED);
}

describe("registration.json", () => {
  test("with another hash is worth a note", () => {
    expect(notesOn(JSON.stringify({ registrationHash: OTHER, namespace: "policy", webhooks: [] }))).toEqual([
      "the policies that are loaded need other webhook rules than this Pod was started with; to register them: " +
        "kubectl delete job -n policy -l app.kubernetes.io/component=register, and then again what installed it: " +
        "kubectl apply -k of your kustomization, or helm upgrade with your values",
    ]);
  });

  test.each([
    ["with the loaded hash", JSON.stringify({ registrationHash: LOADED, namespace: "policy" })],
    ["without a hash", "{}"],
    ["with an empty hash", '{"registrationHash":"","namespace":"policy"}'],
    ["with something else for a hash", '{"registrationHash":"0123456789ab\\nready","namespace":"policy"}'],
    ["that holds null", "null"],
    ["without a namespace", `{"registrationHash":"${OTHER}"}`],
    ["with something else for a namespace", `{"registrationHash":"${OTHER}","namespace":"a; rm -r b"}`],
    ["that is cut short", '{"registrationHash":"01234'],
    ["that is empty", ""],
  ])("%s is not", (_, text) => {
    expect(notesOn(text)).toEqual([]);
  });

  test("may be missing", () => {
    expect(registrationNotes(directoryOf({}), LOADED)).toEqual([]);
  });
});

test("a note stands in /readyz whatever its status, and doesn't change it", async () => {
  let reasons: readonly string[] = [];
  const health = createHealthServer(
    createHealthListener(
      () => reasons,
      createMetrics().registry,
      () => ["one", "two"],
    ),
  );
  await listen(health, 0, "127.0.0.1");
  const address = health.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const readyz = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    return [response.status, await response.text()];
  };
  expect(await readyz()).toEqual([200, "ok\nnote: one\nnote: two\n"]);
  reasons = ["draining"];
  expect(await readyz()).toEqual([503, "not ready: draining\nnote: one\nnote: two\n"]);
  health.closeAllConnections();
  health.close();
});
