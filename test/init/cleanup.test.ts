/** What a real API server can't be made to do to `init.mjs cleanup`; the rest is in test/cluster. */
import { ApiException } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { runCleanup } from "../../init/cleanup.ts";
import type { ClusterConnection } from "../../src/cluster/client.ts";
import { readCleanupConfig } from "../../src/config.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createFakeClock, type LogLine, VALIDATING } from "./init-run.ts";

const CONFIG = readCleanupConfig({ WEBHOOK_NAMESPACE: "policy", WEBHOOK_SERVICE: "portcullis" });

/** `validating` are the UIDs of the configurations named portcullis that exist, one after the other. */
function prepareCleanup({
  validating = [] as string[],
  onDelete = () => {},
}: {
  validating?: string[];
  onDelete?: () => void;
}) {
  const calls: string[] = [];
  const selectors = new Set<string>();
  const list = (uids: readonly string[]) => async (request: { readonly labelSelector: string }) => {
    calls.push("list");
    selectors.add(request.labelSelector);
    return { items: uids.slice(0, 1).map((uid) => ({ metadata: { name: "portcullis", uid } })) };
  };
  const admissionregistration = {
    listMutatingWebhookConfiguration: list([]),
    listValidatingWebhookConfiguration: list(validating),
    async deleteValidatingWebhookConfiguration({ body }: { readonly body: { readonly preconditions: object } }) {
      calls.push(`delete ${JSON.stringify(body.preconditions)}`);
      onDelete();
      return {};
    },
  };
  const logLines: LogLine[] = [];
  const logger = createLogger("init", "trace", { write: (line) => logLines.push(JSON.parse(line)) });
  const connection = { admissionregistration } as unknown as ClusterConnection;
  const run = () => runCleanup({ config: CONFIG, connection, clock: createFakeClock(), logger });
  return { calls, selectors, logLines, run };
}

function refuse(code: number): never {
  throw new ApiException(code, "scripted", JSON.stringify({ message: `scripted ${code}` }), {});
}

test("nothing there: says so, with the labels that it has looked for", async () => {
  const { calls, selectors, logLines, run } = prepareCleanup({});
  await run();
  const selector =
    "app.kubernetes.io/name=portcullis,portcullis.dev/namespace=policy,portcullis.dev/service=portcullis";
  expect([...selectors]).toEqual([selector]);
  expect(calls.every((call) => call === "list")).toBe(true);
  expect(logLines).toMatchObject([
    { level: "info", selector, deleted: 0, msg: "nothing to delete: no configuration has these labels" },
  ]);
});

test("deletes the very object that it has listed, and ends after a list without it", async () => {
  const validating = ["uid-1"];
  const { calls, logLines, run } = prepareCleanup({ validating, onDelete: () => validating.shift() });
  await run();
  expect(calls).toEqual(["list", "list", 'delete {"uid":"uid-1"}', "list", "list"]);
  expect(logLines).toMatchObject([
    { msg: "configuration deleted", kind: VALIDATING, name: "portcullis" },
    { msg: "done", deleted: 1 },
  ]);
});

test("an object of another Pod's making, put there in between, is deleted in the next round", async () => {
  const validating = ["uid-1"];
  const replaceOnce = () => {
    const uid = validating.shift();
    if (uid === "uid-1") {
      validating.push("uid-2");
      refuse(409);
    }
  };
  const { calls, logLines, run } = prepareCleanup({ validating, onDelete: replaceOnce });
  await run();
  expect(calls.filter((call) => call !== "list")).toEqual(['delete {"uid":"uid-1"}', 'delete {"uid":"uid-2"}']);
  expect(logLines.at(-1)).toMatchObject({ deleted: 1 });
});

test("one that a finalizer holds: deleted once, waited for, and told by name in the end", async () => {
  const { calls, run } = prepareCleanup({ validating: ["uid-1"] });
  await expect(run()).rejects.toMatchObject({
    code: "API",
    message: expect.stringMatching(/^gave up .*: still there: ValidatingWebhookConfiguration portcullis$/),
  });
  expect(calls.filter((call) => call !== "list")).toHaveLength(1);
});

test("tries again while the API server is away", async () => {
  const validating = ["uid-1"];
  const failures = [503, 500, 429];
  const onDelete = () => {
    const status = failures.shift();
    if (status !== undefined) refuse(status);
    validating.shift();
  };
  const { logLines, run } = prepareCleanup({ validating, onDelete });
  await run();
  expect(logLines.filter(({ level }) => level === "warn")).toHaveLength(3);
  expect(logLines.at(-1)).toMatchObject({ deleted: 1 });
});

test("is told which verb it lacks", async () => {
  const { run } = prepareCleanup({ validating: ["uid-1"], onDelete: () => refuse(403) });
  await expect(run()).rejects.toMatchObject({
    code: "RBAC",
    message:
      'forbidden: delete validatingwebhookconfigurations.admissionregistration.k8s.io "portcullis": scripted 403',
  });
});
