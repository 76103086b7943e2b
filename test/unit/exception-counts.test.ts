/** The gauge portcullis_exceptions: how many of a policy's exceptions count, end soon, or can go. */
import { expect, onTestFinished, test } from "vitest";
import { readPolicyFiles } from "../../src/policy/load.ts";
import { servePolicies } from "../../src/server/served-policies.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { mountConfigMap } from "../support/mounted-config-map.ts";
import { ruleThatFinds } from "../support/policies.ts";

const RULES = [ruleThatFinds()];
const HEAD = "apiVersion: portcullis.dev/v1alpha1\nkind: ";

function policyText(name: string, ...days: readonly string[]): string {
  const exceptions = days.map((until) => `{ namespaces: [shop], until: ${until}, reason: TICKET-12 }`);
  return `${HEAD}Policy\nmetadata: { name: ${name} }\nspec: { rule: made-up, exceptions: [${exceptions.join(", ")}] }\n`;
}

const DOCUMENT = `${HEAD}Exception
metadata: { name: for-a-while }
spec: { policies: [old, new], names: [web], until: 2027-03-31, reason: TICKET-13 }
`;

test("exceptions are counted by policy and state, as they are at each scrape", async () => {
  const { directory, swap } = mountConfigMap({
    "a.yaml": policyText("new", "2027-01-31", "2027-01-31", "2027-02-28"),
    "b.yaml": policyText("old"),
    "c.yaml": policyText("strict"),
    "d.yaml": DOCUMENT,
  });
  let now = new Date("2026-11-21T12:00:00Z");
  const metrics = createMetrics();
  const { stop } = servePolicies({
    directory,
    rules: RULES,
    files: readPolicyFiles(directory),
    certDir: directory,
    registrationHash: () => "",
    metrics,
    logger: createLogger("server", "fatal"),
    now: () => now,
    debounceMs: 10,
  });
  onTestFinished(stop);
  const scrape = async (at = now.toISOString()) => {
    now = new Date(at);
    const lines = (await metrics.registry.metrics()).split("\n");
    return lines.filter((line) => line.startsWith("portcullis_exceptions{"));
  };
  const line = (policy: string, state: string, count: number) =>
    `portcullis_exceptions{policy="${policy}",state="${state}"} ${count}`;
  const lines = (policy: string, [active, lapsing, lapsed]: readonly [number, number, number]) => [
    line(policy, "active", active),
    line(policy, "lapsing", lapsing),
    line(policy, "lapsed", lapsed),
  ];

  expect(await scrape()).toEqual([...lines("new", [4, 0, 0]), ...lines("old", [1, 0, 0])]);
  expect(await scrape("2027-01-25T00:00:00Z")).toEqual([...lines("new", [2, 2, 0]), ...lines("old", [1, 0, 0])]);
  expect(await scrape("2027-02-01T00:00:00Z")).toEqual([...lines("new", [2, 0, 2]), ...lines("old", [1, 0, 0])]);
  expect(await scrape("2027-04-01T00:00:00Z")).toEqual([...lines("new", [0, 0, 4]), ...lines("old", [0, 0, 1])]);

  swap({ "b.yaml": policyText("old", "2027-01-31") });
  await expect.poll(() => scrape()).toEqual(lines("old", [0, 0, 1]));
});
