/** How much memory a program takes, and what to compare it with. */
import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { buildSync } from "esbuild";

/** A process that loads the client as init does, bundled and with nothing that it doesn't use, and does no more. */
export function startClientAlone(
  directory: string,
  kubeconfig: string,
): { readonly pid: number; stop(): Promise<void> } {
  const outfile = join(directory, "client-alone.mjs");
  buildSync({
    stdin: {
      contents: `
        import { connectToCluster } from "../../src/cluster/client.ts";
        connectToCluster(process.argv[2]);
        setInterval(() => {}, 1000);`,
      resolveDir: import.meta.dirname,
    },
    outfile,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    logLevel: "warning",
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const child = spawn(process.execPath, [outfile, kubeconfig], { env: {}, stdio: "inherit" });
  return {
    pid: child.pid ?? -1,
    async stop() {
      child.kill("SIGKILL");
    },
  };
}

/** After the start, with the garbage of it as it happens to be. */
export async function settleRssKib(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 3000));
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }));
}
