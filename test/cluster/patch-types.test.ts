/** A verdict hangs on what an object becomes, and not on the kind of request that changes it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rules } from "../../src/rules/index.ts";
import { type ApiAnswer, type ApiClient, createApiClient } from "../support/api-client.ts";
import { describeCluster } from "../support/cluster.ts";
import { completeObject } from "../support/complete-object.ts";
import { type KubectlUpdate, kubectlUpdatesOf } from "../support/kubectl-updates.ts";
import {
  FIELD_MANAGER,
  installLiveCases,
  type LiveCase,
  type LiveCases,
  liveCases,
  objectPathOf,
  readUpdate,
  reasonNotLive,
} from "../support/live-cases.ts";
import { createMeddledKubectl, type MeddledKubectl, type Run } from "../support/meddled-kubectl.ts";
import {
  applyOf,
  jsonPatchOf,
  mergePatchOf,
  putOf,
  strategicMergePatchOf,
  type UpdateRequest,
} from "../support/update-requests.ts";

type UpdateCase = LiveCase & Required<Pick<LiveCase, "oldObject">>;

const updates = liveCases.filter((entry): entry is UpdateCase => {
  return entry.oldObject !== undefined && reasonNotLive(entry) === undefined;
});

describeCluster("the cases that update something", (controlPlane) => {
  let api: ApiClient;
  let installed: LiveCases;
  let kubectl: MeddledKubectl;

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    installed = await installLiveCases(controlPlane(), api);
    kubectl = createMeddledKubectl(controlPlane(), "default");
  });

  /** In an editor that saves `edited` over whatever it is given. */
  function runKubectl({ args, stdin = "", edited = "" }: KubectlUpdate, username: string): Promise<Run> {
    const file = join(controlPlane().directory, "written.json");
    writeFileSync(file, stdin || edited);
    const asUser = [`--as=${username}`, "--as-group=system:masters"];
    const command = ["-c", `kubectl "$@" <'${file}'`, "sh", ...args, ...asUser];
    return kubectl.shell(command, controlPlane().kubeconfigPath, { KUBE_EDITOR: `cp '${file}'` });
  }

  afterAll(async () => {
    api?.close();
    await installed?.stop();
  });

  for (const rule of rules) {
    const ofRule = updates.filter((candidate) => candidate.rule === rule.id);
    describe.runIf(ofRule.length > 0)(rule.id, () => {
      const named = ofRule.map((entry) => [entry.name, entry] as const);
      it.each(named)("F-67: one verdict for PUT and every patch: %s", (_name, entry) => compareVerdicts(api, entry));
      it.each(named)("F-67: and for the commands of kubectl: %s", (_name, entry) => {
        return compareCommands(api, runKubectl, entry);
      });
    });
  }

  it("control: each of the commands has been refused something", () => {
    const refused = commands.filter(({ status }) => status === 403).map(({ command }) => command);
    expect(new Set(refused)).toEqual(new Set(Object.keys(DONE)));
  });

  it("control: what is refused is refused for what it changes, so that a patch that lost it would be found", async () => {
    const refused = updates.filter((entry) => entry.refused.length > 0);
    expect(refused.length).toBeGreaterThan(10);
    for (const entry of refused) {
      const nothing = mergePatchOf({}, {});
      expect((await send(api, entry, nothing)).status, entry.name).toBe(200);
    }
  });

  const customs = updates.filter(isCustom);
  it.skipIf(customs.length === 0)("control: a custom resource can't be asked for a strategic merge patch", async () => {
    for (const entry of customs) expect((await send(api, entry, strategicMergePatchOf({}, {}))).status).toBe(415);
  });
});

async function compareVerdicts(api: ApiClient, entry: UpdateCase): Promise<void> {
  const { stored, updated } = await readUpdate(api, entry, entry.oldObject);
  const put = await send(api, entry, putOf(updated));
  const causes: readonly { readonly reason: string }[] = put.body.details?.causes ?? [];
  expect(put.status, JSON.stringify(put.body)).toBe(entry.refused.length > 0 ? 403 : 200);
  expect(causes.map((cause) => cause.reason)).toEqual(entry.refused);

  const patches = {
    "JSON patch": jsonPatchOf(stored, updated),
    "merge patch": mergePatchOf(stored, updated),
    ...(isCustom(entry) ? {} : { "strategic merge patch": strategicMergePatchOf(stored, updated) }),
    "server-side apply": applyOf(completeObject(entry.object, entry.objectName, entry.liveNamespace)),
  };
  for (const [kind, patch] of Object.entries(patches)) {
    expect(verdictOf(await send(api, entry, patch)), kind).toEqual(verdictOf(put));
  }
}

const commands: { readonly command: string; readonly status: number }[] = [];
const DONE = {
  label: /\/case-\d+ (un)?labeled /,
  annotate: /\/case-\d+ annotated /,
  replace: /\/case-\d+ replaced /,
  edit: /\/case-\d+ edited\n/,
} as const;

/** What the user is told, by command. */
async function compareCommands(
  api: ApiClient,
  run: (update: KubectlUpdate, username: string) => Promise<Run>,
  entry: UpdateCase,
): Promise<void> {
  const { stored, updated } = await readUpdate(api, entry, entry.oldObject);
  const { status, body, warnings } = await send(api, entry, putOf(updated));
  for (const [command, update] of Object.entries(kubectlUpdatesOf(entry.resource, stored, updated))) {
    const told = await run(update, entry.username);
    commands.push({ command, status });
    expect(told.status === 0, `${command}: ${told.stderr}`).toBe(status === 200);
    if (status === 200) expect(told.stdout, command).toMatch(DONE[command as keyof typeof DONE]);
    else expect(told.stderr, command).toContain(body.message);
    for (const warning of warnings) expect(told.stderr, command).toContain(Buffer.from(warning, "latin1").toString());
  }
}

function send(api: ApiClient, entry: LiveCase, request: UpdateRequest): Promise<ApiAnswer> {
  const isApply = request.contentType === "application/apply-patch+yaml";
  const parameters = { dryRun: "All", ...(isApply ? { fieldManager: FIELD_MANAGER, force: "true" } : {}) };
  const path = `${objectPathOf(entry)}?${new URLSearchParams(parameters)}`;
  return api.send({ ...request, path, asUser: entry.username });
}

/** What the user gets to see, and what the object has become where it is let through. */
function verdictOf({ status, body, warnings }: ApiAnswer): object {
  const ours = warnings.filter((warning) => /^[A-Z]{3}-[A-Z-]+ /.test(warning));
  if (status !== 200) return { status, message: body.message, causes: body.details?.causes, warnings: ours };
  const { labels, annotations } = body.metadata;
  return { status, labels, annotations, spec: body.spec, warnings: ours };
}

function isCustom({ resource }: LiveCase): boolean {
  return resource === "httproutes.gateway.networking.k8s.io";
}
