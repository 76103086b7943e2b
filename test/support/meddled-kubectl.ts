/** Shell commands with a kubectl before which somebody else may write, so that a race comes out the same every time. */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findAssets } from "./control-plane/find-assets.ts";
import { describeThisMachine } from "./control-plane/machine.ts";
import type { ControlPlane } from "./control-plane/start.ts";

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MeddledKubectl {
  /**
   * Shell that runs before each patch from now on, and nothing without it: the number of the patch is in $count, and
   * `admin` is kubectl with all rights in the namespace.
   */
  meddle(commands?: string): void;
  /** Since `meddle`. */
  countPatches(): number;
  /** Runs `sh` with these arguments. Asynchronous: this process looks after the server meanwhile. */
  shell(args: readonly string[], kubeconfig: string, env?: Readonly<Record<string, string>>): Promise<Run>;
}

export function createMeddledKubectl(controlPlane: ControlPlane, namespace: string): MeddledKubectl {
  const assets = findAssets(process.env, describeThisMachine());
  if (!assets.found) throw new Error(assets.reason);
  const program = join(assets.path, "kubectl");
  const bin = join(controlPlane.directory, "bin");
  const patches = join(bin, "patches");
  mkdirSync(bin);

  const meddle = (commands = ":"): void => {
    writeFileSync(patches, "");
    const lines = [
      "#!/bin/sh",
      `admin() { '${program}' --kubeconfig='${controlPlane.kubeconfigPath}' -n ${namespace} "$@" >/dev/null; }`,
      `case " $* " in *" patch "*) echo patch >>'${patches}'; count=$(wc -l <'${patches}'); ${commands} ;; esac`,
      `exec '${program}' "$@"`,
    ];
    writeFileSync(join(bin, "kubectl"), `${lines.join("\n")}\n`);
    chmodSync(join(bin, "kubectl"), 0o755);
  };
  meddle();

  return {
    meddle,
    countPatches: () => readFileSync(patches, "utf8").split("\n").filter(Boolean).length,
    shell(args, kubeconfig, env = {}) {
      const PATH = `${bin}:${process.env.PATH}`;
      const child = spawn("sh", args, { env: { PATH, HOME: controlPlane.directory, KUBECONFIG: kubeconfig, ...env } });
      const output = { stdout: "", stderr: "" };
      for (const stream of ["stdout", "stderr"] as const) {
        child[stream].setEncoding("utf8").on("data", (text: string) => {
          output[stream] += text;
        });
      }
      return new Promise((resolve, reject) => {
        child.once("error", reject);
        child.once("close", (status) => resolve({ status, ...output }));
      });
    },
  };
}
