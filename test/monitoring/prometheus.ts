/** A real Prometheus on loopback, in a hurry: it scrapes and evaluates twice a second. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../support/free-port.ts";
import { waitUntil } from "../support/wait.ts";
import type { RuleFile } from "./rules.ts";

const START_LIMIT_MS = 30_000;

export interface Target {
  readonly job: string;
  /** Host and port. */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What goes into its part of `scrape_configs` besides. */
  readonly options?: object;
}

export interface FiringAlert {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Prometheus {
  /** An instant query; throws with Prometheus' own words where it doesn't parse. */
  query(expr: string): Promise<readonly Sample[]>;
  firing(): Promise<readonly FiringAlert[]>;
  stop(): Promise<void>;
}

export async function startPrometheus(targets: readonly Target[], rules: RuleFile): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-prometheus-"));
  const port = await findFreePort();
  writeFileSync(join(directory, "rules.yaml"), JSON.stringify(rules));
  const config = {
    global: { scrape_interval: "500ms", scrape_timeout: "500ms", evaluation_interval: "500ms" },
    rule_files: ["rules.yaml"],
    scrape_configs: targets.map(({ job, address, labels, options }, index) => ({
      ...options,
      job_name: `${job}-${index}`,
      static_configs: [{ targets: [address], labels: { ...labels, job } }],
    })),
  };
  writeFileSync(join(directory, "prometheus.yaml"), JSON.stringify(config));
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(directory, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const killWithParent = () => child.kill("SIGKILL");
  process.once("exit", killWithParent);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = once(child, "close").finally(() => process.off("exit", killWithParent));

  async function ask(path: string) {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const answer = (await response.json()) as Answer;
    if (answer.status !== "success") throw new Error(`Prometheus: ${answer.error}`);
    return answer.data;
  }

  await waitUntil("Prometheus is ready", START_LIMIT_MS, async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended: ${said}`);
    return await fetch(`http://127.0.0.1:${port}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    query: async (expr) => (await ask(`query?query=${encodeURIComponent(expr)}`)).result,
    async firing() {
      const active: readonly ActiveAlert[] = (await ask("alerts")).alerts;
      return active
        .filter(({ state }) => state === "firing")
        .map(({ labels, annotations }) => ({ name: labels.alertname ?? "", labels, annotations }));
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  // biome-ignore lint/suspicious/noExplicitAny: each path has its own
  readonly data: any;
}

interface ActiveAlert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
