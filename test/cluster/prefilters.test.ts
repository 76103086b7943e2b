/**
 * What the matchConditions of an entry keep back would have had no verdict: the API server's own CEL side by side with the rules,
 * on manifests of public projects and on generated objects, all of them dry runs.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubernetesObject, OwnerReference } from "../../src/kube/objects.ts";
import { CONTROLLER_MANAGER } from "../../src/kube/owners.ts";
import { loadPolicies } from "../../src/policy/load.ts";
import type { Phase } from "../../src/policy/policy.ts";
import { rules } from "../../src/rules/index.ts";
import { ingressBucket } from "../../src/rules/ingress-bucket/rule.ts";
import { jobHygiene } from "../../src/rules/job-hygiene/rule.ts";
import { requiredLabels } from "../../src/rules/required-labels/rule.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { secretEnv } from "../../src/rules/secret-env/rule.ts";
import { veleroBackup } from "../../src/rules/velero-backup/rule.ts";
import { objects, updates } from "../support/admissible-objects.ts";
import { weighted } from "../support/admissible-pods.ts";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { resourceOf } from "../support/cases.ts";
import { describeCluster } from "../support/cluster.ts";
import { inParallel } from "../support/in-parallel.ts";
import { apply, SHIPPED_POLICIES, waitUntil } from "../support/installation.ts";
import { policyOf } from "../support/policies.ts";
import { type RecordingWebhook, type ReviewedRequest, startRecordingWebhook } from "../support/recording-webhook.ts";
import { everythingOf, registerWatched, tallyOf, watchedEntriesOf } from "../support/watched-entries.ts";
import { readManifest } from "./corpus.ts";

const CORPUS = fileURLToPath(new URL("../../../shared/corpus/manifests", import.meta.url));
const SEED = 20261121;
const CREATED = 2000;
const UPDATED = 300;
const CONCURRENCY = 6;
const NAMESPACE = "generated";
/** It takes about a minute; a busy machine may need more. */
const PATIENCE_MS = 300_000;

const entriesOf = (rule: Rule, title: string, spec: object = {}) =>
  watchedEntriesOf(`${rule.id} ${title}`, [policyOf(rule, spec)]);
const isOfMutation = ({ phase }: { readonly phase: Phase }) => phase === "mutate";
const app = { anyOf: ["app", "app.kubernetes.io/name"] };
const team = { anyOf: ["team"] };
const STRICT_JOBS = {
  requireGenerateName: true,
  maxBackoffLimit: 0,
  concurrencyPolicies: ["Forbid"],
  requireStartingDeadline: true,
};

const ENTRIES = [
  ...watchedEntriesOf("the shipped policies", loadPolicies(SHIPPED_POLICIES, rules)),
  ...entriesOf(jobHygiene, "by default"),
  ...entriesOf(jobHygiene, "at its strictest", { params: STRICT_JOBS }),
  ...entriesOf(requiredLabels, "of one label", { params: { labels: [app] } }),
  ...entriesOf(requiredLabels, "that may be empty", {
    params: { labels: [{ anyOf: ["constructor"], allowEmpty: true }] },
  }),
  ...entriesOf(requiredLabels, "with a default", { params: { labels: [{ ...app, default: "web" }] } }),
  ...entriesOf(requiredLabels, "with defaults, or empty", {
    params: {
      labels: [
        { ...app, default: "web", allowEmpty: true },
        { ...team, default: "blog" },
      ],
    },
  }),
  ...entriesOf(secretEnv, "by default"),
  ...entriesOf(secretEnv, "of all names", { params: { names: ["*"], identities: true } }),
  ...entriesOf(veleroBackup, "without patches", { mutate: false }),
  ...entriesOf(veleroBackup, "of emptyDirs", { params: { includeEmptyDir: true } }),
  ...entriesOf(veleroBackup, "of emptyDirs and Jobs, without patches", {
    params: { includeEmptyDir: true, includeJobs: true },
    mutate: false,
  }),
  ...entriesOf(veleroBackup, "in opt-out", { params: { mode: "opt-out" } }),
  ...entriesOf(veleroBackup, "of hooks alone", { params: { mode: "off" } }),
  // Ingresses are kept back in this phase alone.
  ...entriesOf(ingressBucket, "that adds rewrites", { params: { addRewrite: "legacy" } }).filter(isOfMutation),
  ...watchedEntriesOf(
    "rules side by side",
    [secretEnv, jobHygiene, veleroBackup].map((rule) => policyOf(rule)),
  ),
];

/** Takes a template's own annotations for none. */
const WRONG: Rule = { ...veleroBackup, prefilter: () => "has(object.metadata.annotations)" } as Rule;
const WRONG_ENTRIES = watchedEntriesOf("a rule with a wrong prefilter", [policyOf(WRONG)]);

const SENDERS = weighted<{ readonly user?: string; readonly owner?: Partial<OwnerReference> }>(
  [8, fc.constant({})],
  [2, fc.record({ user: users(), owner: fc.constantFrom({ controller: true }, { controller: false }, {}) })],
  [1, fc.record({ user: users() })],
);

function users() {
  return fc.constantFrom("alice", "system:serviceaccount:kube-system:replicaset-controller", CONTROLLER_MANAGER);
}

const creation = fc.record({ object: objects, sender: SENDERS, isNameGenerated: fc.boolean() });
const isNotJudged = ({ status }: ApiAnswer) => status !== 200 && status !== 201;

describeCluster("matchConditions", (controlPlane) => {
  let api: ApiClient;
  let webhook: RecordingWebhook;
  const answers: ApiAnswer[] = [];
  let corpusAnswers: readonly ApiAnswer[] = [];

  beforeAll(async () => {
    api = createApiClient(controlPlane());
    webhook = await startRecordingWebhook();
    await apply(controlPlane(), [{ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }]);
    await waitUntil("the namespace has its ServiceAccount", 30_000, async () => {
      const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`;
      return (await api.send({ method: "GET", path })).status === 200;
    });
    const updated = fc.sample(updates, { numRuns: UPDATED, seed: SEED }).map((update, index) => {
      return { ...update, before: nameObject(update.before, `u-${index}`) };
    });
    await inParallel(CONCURRENCY, updated, async ({ before }) => {
      const { status, body } = await api.send({ method: "POST", path: collectionOf(before), body: before });
      expect(status, JSON.stringify(body)).toBe(201);
    });
    await registerWatched(controlPlane(), webhook, [...ENTRIES, ...WRONG_ENTRIES]);
    await waitUntil("the API server asks in both phases", 30_000, async () => {
      await createDry({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "p-0" },
        spec: { ports: [{ port: 80 }] },
      });
      return everythingOf(webhook, "mutate").length > 0 && everythingOf(webhook, "validate").length > 0;
    });

    const created = fc.sample(creation, { numRuns: CREATED, seed: SEED }).map((one, index) => ({ ...one, index }));
    answers.push(
      ...(await inParallel(CONCURRENCY, created, ({ object, sender: { user, owner }, isNameGenerated, index }) => {
        const named = nameObject(object, `g-${index}`, isNameGenerated);
        return createDry(owner ? withOwner(named, owner) : named, user);
      })),
      ...(await inParallel(CONCURRENCY, updated, async ({ before, changed }) => {
        const path = `${collectionOf(before)}/${before.metadata?.name}`;
        const { body: stored } = await api.send({ method: "GET", path });
        return api.send({ method: "PUT", path: `${path}?dryRun=All`, body: changed(stored) });
      })),
    );
    const named = readCorpus().map((object, index) => nameObject(object, `c-${index}`));
    corpusAnswers = await inParallel(CONCURRENCY, named, (object) => createDry(object));
  }, PATIENCE_MS);

  afterAll(async () => {
    api?.close();
    await webhook?.close();
  });

  const createDry = (body: KubernetesObject, asUser?: string) =>
    api.send({ method: "POST", path: `${collectionOf(body)}?dryRun=All`, body, ...(asUser ? { asUser } : {}) });

  it("fail on nothing: whatever is generated is admitted, and seen in both phases", () => {
    expect(answers.filter(isNotJudged).map(({ body }) => body.message)).toEqual([]);
    for (const phase of ["mutate", "validate"] as const) {
      const seen = everythingOf(webhook, phase).map(keyOf);
      expect(new Set(seen.filter((key) => /^[gu]/.test(key))).size).toBe(CREATED + UPDATED);
    }
  });

  it.skipIf(!existsSync(CORPUS))("fail on no manifest of a public project", () => {
    expect(corpusAnswers.filter(({ status }) => status === 201).length).toBeGreaterThan(20);
    // The API server refuses some by itself: 422.
    expect(corpusAnswers.map(({ status }) => status).filter((status) => status !== 201 && status !== 422)).toEqual([]);
  });

  it.each(ENTRIES.map((entry) => [entry.title, entry] as const))(
    "%s: keeps back nothing that is judged",
    (title, entry) => {
      const { sent, keptBack, judged, missed } = tallyOf(entry, webhook, keyOf);
      process.stdout.write(`  ${title}: ${sent} sent, ${judged} of them judged; ${keptBack} kept back\n`);
      expect(missed).toEqual([]);
      expect(judged).toBeGreaterThan(0);
      expect(keptBack).toBeGreaterThan(0);
    },
  );

  it("control: a wrong one is found", () => {
    for (const entry of WRONG_ENTRIES)
      expect(tallyOf(entry, webhook, keyOf).missed.length, entry.title).toBeGreaterThan(0);
  });
});

/** The beginning of its name, which is all that the mutating webhook sees of a generated one. */
function keyOf({ object: { metadata } }: ReviewedRequest): string {
  return /^[a-z]-\d+/.exec(metadata?.name || metadata?.generateName || "")?.[0] ?? "";
}

function nameObject(object: KubernetesObject, name: string, isNameGenerated = false): KubernetesObject {
  const { name: _, namespace: _also, ...metadata } = object.metadata ?? {};
  const names = isNameGenerated ? { generateName: `${name}-` } : { name };
  const place = object.kind === "Namespace" ? {} : { namespace: NAMESPACE };
  return { ...object, metadata: { ...metadata, ...names, ...place } };
}

function withOwner(object: KubernetesObject, owner: Partial<OwnerReference>): KubernetesObject {
  const reference = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "owner", uid: "1", ...owner };
  return { ...object, metadata: { ...object.metadata, ownerReferences: [reference] } };
}

function collectionOf(object: KubernetesObject): string {
  return pathOf(resourceOf(object), NAMESPACE);
}

/** What a version that the API server knows can be sent of. */
function readCorpus(): readonly KubernetesObject[] {
  if (!existsSync(CORPUS)) return [];
  return readdirSync(CORPUS)
    .sort()
    .flatMap((file) => readManifest(join(CORPUS, file)))
    .filter(({ apiVersion }) => ["v1", "apps/v1", "batch/v1", "networking.k8s.io/v1"].includes(String(apiVersion)));
}
