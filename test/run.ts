/**
 * `npm test`: format and lint, types, bundles, every test, the ones on a real control plane included, and short forms of the benchmarks
 * and of the end-to-end tests. Closes with one line over all of them. What a control plane needs is looked for, or built, first.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NO_CLUSTER } from "./e2e/kube-node.ts";
import { obtainAssets } from "./support/control-plane/build-assets.ts";
import { obtainHelm } from "./support/control-plane/find-helm.ts";
import type { BuildProgress } from "./support/control-plane/go-build.ts";
import { describeThisMachine } from "./support/control-plane/machine.ts";

const tally = { passed: 0, failed: 0, skipped: 0 };

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function run(command: readonly string[], env: NodeJS.ProcessEnv = process.env): number | null {
  const [program = "", ...args] = command;
  return spawnSync(program, args, { stdio: "inherit", env }).status;
}

/** `unavailable`: the status that says that this machine hasn't got what it takes, and why. */
function check(name: string, command: readonly string[], unavailable?: number): void {
  print(`\n== ${name}`);
  const status = run(command);
  const outcome = status === 0 ? "passed" : status === unavailable ? "skipped" : "failed";
  tally[outcome]++;
  print(`${{ passed: "ok", skipped: "skipped", failed: "FAILED" }[outcome]}: ${command.join(" ")}`);
}

function test(project: string, env: NodeJS.ProcessEnv): void {
  print(`\n== ${project} tests`);
  const directory = mkdtempSync(join(tmpdir(), "portcullis-test-run-"));
  const report = join(directory, "report.json");
  const status = run(
    ["vitest", "run", "--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    env,
  );
  try {
    const counts = JSON.parse(readFileSync(report, "utf8")) as VitestCounts;
    tally.passed += counts.numPassedTests;
    tally.failed += counts.numFailedTests;
    tally.skipped += counts.numPendingTests + counts.numTodoTests;
    // A file that doesn't load, or a hook that fails, has no failed test to its name.
    if (status !== 0 && counts.numFailedTests === 0) tally.failed++;
  } catch {
    tally.failed++;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface VitestCounts {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

function printProgress({ program, elapsedSeconds }: BuildProgress): void {
  print(`building ${program} with Go, ${elapsedSeconds} s`);
}

check("format and lint", ["biome", "ci", "--error-on-warnings", "."]);
check("types", ["tsc", "-p", "."]);
check("bundles", ["npm", "run", "--silent", "build"]);

// Some of the fast tests render manifests by kubectl and Helm.
const machine = describeThisMachine();
const assets = await obtainAssets(process.env, machine, printProgress);
const helm = await obtainHelm(process.env, machine, printProgress);
print(
  `\ncontrol plane: ${assets.found ? `${assets.path} (${assets.origin})` : `none, its tests are skipped: ${assets.reason}`}`,
);
print(`helm: ${helm.found ? `${helm.path} (${helm.origin})` : `none, its stories are skipped: ${helm.reason}`}`);
const env = assets.found ? { ...process.env, KUBEBUILDER_ASSETS: assets.path } : process.env;

test("fast", env);
// What is measured there is read from /proc.
if (process.platform === "linux") check("benchmarks, in short", ["node", "test/bench/main.ts", "--short"]);

test("cluster", env);
test("load", env);

check("end to end on a cluster with a node, in short", ["node", "test/e2e/main.ts", "--short"], NO_CLUSTER);

print(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
process.exit(tally.failed === 0 ? 0 : 1);
