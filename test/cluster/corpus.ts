/**
 * Real manifests through the running system: `node test/cluster/corpus.ts DIRECTORY` takes a directory of `manifests/` and
 * `expected.yaml`, which says of each object what its labels, its Pod's annotation and its Ingress come to. Nothing is
 * stored: every object is a dry run.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../src/kube/objects.ts";
import { podTemplateOf } from "../../src/kube/pod-template.ts";
import { type ApiAnswer, type ApiClient, createApiClient, pathOf } from "../support/api-client.ts";
import { resourceOf } from "../support/cases.ts";
import { findAssets } from "../support/control-plane/find-assets.ts";
import { describeThisMachine } from "../support/control-plane/machine.ts";
import { type ControlPlane, startControlPlane } from "../support/control-plane/start.ts";
import { apply, install, waitUntil } from "../support/installation.ts";
import { BACKUP_VOLUMES } from "../tour/stage.ts";

/** A row of expected.yaml. */
interface Expectation {
  readonly kind: string;
  readonly name?: string;
  /** How many objects of that kind the file holds; 1 when not given. */
  readonly count?: number;
  readonly labels?: "pass" | "missing";
  /** The annotation of the Pod that the workload makes, or `none`. */
  readonly velero?: string;
  readonly ingress?: readonly string[];
  readonly excludedNamespace?: boolean;
  readonly note?: string;
}

/** One thing that was expected of one object. */
export interface Finding {
  readonly file: string;
  readonly object: string;
  readonly about: "labels" | "velero" | "ingress" | "excluded" | "count";
  readonly expected: string;
  readonly got: string;
  readonly ok: boolean;
}

export async function checkCorpus(directory: string, controlPlane: ControlPlane): Promise<readonly Finding[]> {
  const expectations = parse(readFileSync(join(directory, "expected.yaml"), "utf8")) as Record<string, Expectation[]>;
  const files = readdirSync(join(directory, "manifests")).sort();
  const objects = new Map(files.map((file) => [file, readManifest(join(directory, "manifests", file))]));
  const api = createApiClient(controlPlane);
  await makeNamespaces(controlPlane, api, [...objects.values()].flat());
  const installation = await install(controlPlane, { env: { FIRST_INSTALL: "fail", CA_SETTLE_MS: "200" } });
  try {
    await installation.startPod();
    await waitUntil("the canary is refused", 30_000, () => installation.isEnforcing());
    const findings: Finding[] = [];
    for (const [file, rows] of Object.entries(expectations)) {
      for (const row of rows) findings.push(...(await checkRow(api, file, row, objects.get(file) ?? [])));
    }
    return findings;
  } finally {
    await installation.stop();
    api.close();
  }
}

/** As kubectl reads it: YAML 1.1. */
export function readManifest(path: string): readonly KubernetesObject[] {
  return parseAllDocuments(readFileSync(path, "utf8"), { version: "1.1" })
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

async function makeNamespaces(
  controlPlane: ControlPlane,
  api: ApiClient,
  objects: readonly KubernetesObject[],
): Promise<void> {
  const namespaces = new Set(objects.map(namespaceOf));
  await apply(
    controlPlane,
    [...namespaces].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  );
  await waitUntil("every namespace has its ServiceAccount", 30_000, async () => {
    const answers = [...namespaces].map((name) => {
      return api.send({ method: "GET", path: `/api/v1/namespaces/${name}/serviceaccounts/default` });
    });
    return (await Promise.all(answers)).every(({ status }) => status === 200);
  });
}

function namespaceOf({ metadata }: KubernetesObject): string {
  return metadata?.namespace ?? "default";
}

async function checkRow(
  api: ApiClient,
  file: string,
  row: Expectation,
  objects: readonly KubernetesObject[],
): Promise<readonly Finding[]> {
  const about = objects.filter(({ kind, metadata }) => {
    return kind === row.kind && (row.name === undefined || metadata?.name === row.name);
  });
  const find = (object: string, what: Finding["about"], expected: string, got: string): Finding => {
    return { file, object, about: what, expected, got, ok: expected === got };
  };
  const findings = [find(row.kind, "count", String(row.count ?? 1), String(about.length))];
  for (const object of about) {
    const name = `${object.kind}/${object.metadata?.name}`;
    const answer = await createDry(api, object);
    if (row.excludedNamespace)
      findings.push(find(name, "excluded", "not judged", codesOf(answer).join(", ") || "not judged"));
    // What the API server refuses by itself never gets to us; the row's note says that it does.
    if (isRefusedByApiServer(answer)) {
      const expected = /the API server refuses/.test(row.note ?? "") ? "refused by the API server" : "judged";
      findings.push(find(name, "labels", expected, "refused by the API server"));
      continue;
    }
    if (row.labels !== undefined) {
      findings.push(find(name, "labels", row.labels, codesOf(answer).includes("LBL-MISSING") ? "missing" : "pass"));
    }
    if (row.ingress !== undefined) {
      const got = codesOf(answer).filter((code) => code.startsWith("ING-"));
      findings.push(find(name, "ingress", row.ingress.toSorted().join(", "), got.toSorted().join(", ")));
    }
    if (row.velero !== undefined) findings.push(find(name, "velero", row.velero, await backupVolumesOf(api, object)));
  }
  return findings;
}

function createDry(api: ApiClient, object: KubernetesObject): Promise<ApiAnswer> {
  let path: string;
  try {
    path = pathOf(resourceOf(object), namespaceOf(object));
  } catch {
    // A version that is served no more.
    path = `/apis/${object.apiVersion}/namespaces/${namespaceOf(object)}/${String(object.kind).toLowerCase()}s`;
  }
  const metadata = { ...object.metadata, namespace: namespaceOf(object) };
  return api.send({ method: "POST", path: `${path}?dryRun=All`, body: { ...object, metadata } });
}

function isRefusedByApiServer({ status, body }: ApiAnswer): boolean {
  return status >= 400 && !String(body.message).includes("denied the request");
}

/** Codes of the refusal, and those of warnings marked as such. */
function codesOf({ status, body, warnings }: ApiAnswer): readonly string[] {
  const causes: readonly { readonly reason: string }[] = status === 403 ? (body.details?.causes ?? []) : [];
  const warned = warnings.flatMap((warning) => /^([A-Z]{3}-[A-Z-]+) /.exec(warning)?.[1] ?? []);
  return [...causes.map((cause) => cause.reason), ...warned.map((code) => `${code} (warn)`)];
}

/** What comes of a labelled Pod made from the workload's template and claim templates, as its controller makes it. */
async function backupVolumesOf(api: ApiClient, object: KubernetesObject): Promise<string> {
  const template = podTemplateOf(resourceOf(object), object);
  if (!template) return "no template";
  const { spec } = object as { readonly spec?: { readonly volumeClaimTemplates?: readonly KubernetesObject[] } };
  const claims = (spec?.volumeClaimTemplates ?? []).map((claim) => {
    const name = claim.metadata?.name;
    return { name, persistentVolumeClaim: { claimName: `${name}-corpus-0` } };
  });
  const volumes = ((template.spec.volumes ?? []) as readonly { readonly name: string }[]).filter((volume) => {
    return !claims.some((claim) => claim.name === volume.name);
  });
  // The accounts and classes that the template names are not there.
  const { serviceAccountName: _account, serviceAccount: _old, priorityClassName: _class, ...podSpec } = template.spec;
  const isJob = object.kind === "Job" || object.kind === "CronJob";
  const pod: KubernetesObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...template.metadata,
      name: "corpus-0",
      namespace: namespaceOf(object),
      labels: { ...template.metadata.labels, app: "corpus" },
      ...(isJob
        ? { ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: "corpus", uid: "1", controller: true }] }
        : {}),
    },
    spec: { ...podSpec, volumes: [...volumes, ...claims] },
  };
  const { status, body } = await createDry(api, pod);
  if (status !== 201) return `refused: ${body.message}`;
  return body.metadata.annotations?.[BACKUP_VOLUMES] ?? "none";
}

function formatFinding({ file, object, about, expected, got, ok }: Finding): string {
  return `${ok ? "ok  " : "FAIL"} ${file} ${object} ${about}: ${got}${ok ? "" : `, expected ${expected}`}`;
}

async function main(directory: string | undefined): Promise<number> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  if (directory === undefined) {
    say("usage: node test/cluster/corpus.ts DIRECTORY");
    return 2;
  }
  const assets = findAssets(process.env, describeThisMachine());
  if (!existsSync(join(directory, "expected.yaml")) || !assets.found) {
    say(`skipped: ${assets.found ? `${directory} has no expected.yaml` : assets.reason}`);
    return 0;
  }
  const controlPlane = await startControlPlane({ assets: assets.path });
  try {
    const findings = await checkCorpus(directory, controlPlane);
    for (const finding of findings) say(formatFinding(finding));
    const failed = findings.filter((finding) => !finding.ok).length;
    say(`${findings.length - failed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  } finally {
    await controlPlane.stop();
  }
}

if (import.meta.main) process.exitCode = await main(process.argv[2]);
