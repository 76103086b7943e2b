/** The chart as Helm renders it, which takes no cluster. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe } from "vitest";
import { findHelm } from "./control-plane/find-helm.ts";
import { describeThisMachine } from "./control-plane/machine.ts";
import { describeKustomize, MANIFESTS, parseObjects, type Rendered } from "./kustomize.ts";

export const CHART = join(MANIFESTS, "chart");

/** As in values.yaml, laid over it. */
export type Values = Readonly<Record<string, unknown>>;

export interface HelmResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Release {
  readonly release: string;
  readonly namespace: string;
}

export interface Helm {
  /** Its own files are in a directory for temporary files. */
  run(args: readonly string[], options?: { readonly values?: Values; readonly kubeconfig?: string }): HelmResult;
  /** With hooks. Throws what Helm says where it refuses. */
  template(values?: Values, release?: Partial<Release>): readonly Rendered[];
  /** What Helm prints after an installation. */
  notes(values?: Values, release?: Partial<Release>): string;
}

/** Where Helm has no cluster to ask, it takes the version that it was built with, which may be too old for the chart. */
export const KUBE_VERSION = ["--kube-version", "1.33.0"];

const finding = findHelm(process.env, describeThisMachine());

/** Skips the tests, each of them visibly, where kubectl or Helm is missing. */
export function describeChart(
  name: string,
  tests: (helm: Helm, render: (directory: string) => readonly Rendered[]) => void,
): void {
  if (!finding.found) {
    describe.skip(`${name} (no helm: ${finding.reason})`, () => tests(missing, missing));
    return;
  }
  const helm = createHelm(finding.path);
  describeKustomize(name, (render) => tests(helm, render));
}

/** Undefined where there is none. */
export function helmIfThere(): Helm | undefined {
  return finding.found ? createHelm(finding.path) : undefined;
}

export function whyNoHelm(): string {
  return finding.found ? "" : finding.reason;
}

function createHelm(program: string): Helm {
  const home = mkdtempSync(join(tmpdir(), "portcullis-helm-"));
  afterAll(() => rmSync(home, { recursive: true, force: true }));
  const run: Helm["run"] = (args, { values, kubeconfig } = {}) => {
    const { status, stdout, stderr } = spawnSync(program, [...args, ...(values ? ["--values", "-"] : [])], {
      env: { HOME: home, PATH: process.env.PATH, ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }) },
      input: JSON.stringify(values ?? {}),
      encoding: "utf8",
      maxBuffer: 1e8,
      timeout: 120_000,
    });
    return { status, stdout, stderr: withoutLinkNotes(stderr) };
  };
  /** What has been rendered before; a rendering takes most of a second. */
  const rendered = new Map<string, HelmResult>();
  const render = (chart: string, values: Values = {}, { release, namespace }: Partial<Release> = {}) => {
    const args = [
      "template",
      release ?? "portcullis",
      chart,
      "--namespace",
      namespace ?? "portcullis",
      ...KUBE_VERSION,
    ];
    const key = JSON.stringify([args, values]);
    const result = rendered.get(key) ?? run(args, { values });
    rendered.set(key, result);
    if (result.status !== 0) throw new Error(result.stderr);
    return parseObjects(result.stdout);
  };
  let chartOfNotes: string | undefined;
  return {
    run,
    template: (values, release) => render(CHART, values, release),
    notes(values, release) {
      chartOfNotes ??= makeChartOfNotes(home);
      return render(chartOfNotes, values, release)[0].notes;
    },
  };
}

/** Helm renders notes for a cluster alone: here they are the one object of a chart that is the same otherwise. */
function makeChartOfNotes(directory: string): string {
  const chart = join(directory, "chart");
  cpSync(CHART, chart, { recursive: true, dereference: true });
  renameSync(join(chart, "templates/NOTES.txt"), join(chart, "files/NOTES.txt"));
  for (const file of readdirSync(join(chart, "templates")).filter((name) => !name.startsWith("_"))) {
    rmSync(join(chart, "templates", file), { recursive: true });
  }
  writeFileSync(
    join(chart, "templates/notes.yaml"),
    'notes: |\n  {{- tpl (.Files.Get "files/NOTES.txt") . | nindent 2 }}\n',
  );
  return chart;
}

/** Helm names every link that it follows. */
function withoutLinkNotes(stderr: string): string {
  return stderr
    .split("\n")
    .filter((line) => !line.includes("found symbolic link in path"))
    .join("\n");
}

const missing = Object.assign(
  (): never => {
    throw new Error("there is no helm");
  },
  { run: undefined as never, template: undefined as never, notes: undefined as never },
);
