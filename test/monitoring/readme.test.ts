/** The two configurations of manifests/monitoring/README.md, as they stand there. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { fencedBlocks } from "../meta/pages/fenced-blocks.ts";
import { ROOT, readSource } from "../meta/source-files.ts";
import { describeKustomize } from "../support/kustomize.ts";
import { hasPromtool, promtool, WITHOUT } from "./promtool.ts";

const README = readSource("manifests/monitoring/README.md");
const [kustomization = "", scrapeConfig = ""] = fencedBlocks(README)
  .filter(({ language }) => language === "yaml")
  .map(({ text }) => text);
const directory = mkdtempSync(join(tmpdir(), "portcullis-readme-"));
afterAll(() => rmSync(directory, { recursive: true }));

describeKustomize("the README's kustomization", (render) => {
  it("labels what an operator selects", () => {
    symlinkSync(ROOT, join(directory, "portcullis"));
    mkdirSync(join(directory, "own"));
    writeFileSync(join(directory, "own/kustomization.yaml"), kustomization);
    const objects = render(join(directory, "own"));
    const labels = Object.fromEntries(objects.map(({ kind, metadata }) => [kind, metadata.labels.release]));
    const release = "kube-prometheus-stack";
    expect(labels).toMatchObject({ PodMonitor: release, PrometheusRule: release });
  });
});

describe.skipIf(!hasPromtool)(`the README's scrape configuration${hasPromtool ? "" : ` (${WITHOUT})`}`, () => {
  it("is one, with the job, the ports and the labels of the rules", () => {
    const path = join(directory, "prometheus.yaml");
    // Debian's Prometheus is built without Kubernetes.
    const discovered = scrapeConfig.replace(/kubernetes_sd_configs: .*/, "static_configs: []");
    writeFileSync(path, `${discovered}rule_files: [${ROOT}manifests/monitoring/rules.yaml]\n`);
    const { status, output } = promtool("check", "config", path);
    expect(status, output).toBe(0);
    const [job] = parse(scrapeConfig).scrape_configs;
    expect(job.job_name).toBe("portcullis");
    const targets = job.relabel_configs.map(({ target_label }: { target_label?: string }) => target_label);
    expect(targets.filter(Boolean)).toEqual(["namespace", "pod"]);
  });
});
