/** vitest, by its own interface: the files one after the other, in the order of the list. */
import { fileURLToPath } from "node:url";
import { BaseSequencer, startVitest, type TestSpecification } from "vitest/node";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** `files` are names of scenarios. Whether every test passed. */
export async function runScenarios(files: readonly string[]): Promise<boolean> {
  const paths = files.map((file) => `test/e2e/${file}.test.ts`);

  class Listed extends BaseSequencer {
    override async sort(found: TestSpecification[]): Promise<TestSpecification[]> {
      const placeOf = ({ moduleId }: TestSpecification) => paths.findIndex((path) => moduleId.endsWith(path));
      return found.toSorted((one, other) => placeOf(one) - placeOf(other));
    }
  }

  const vitest = await startVitest("test", paths, {
    root: ROOT,
    config: false,
    watch: false,
    include: ["test/e2e/**/*.test.ts"],
    // There is one cluster.
    fileParallelism: false,
    // Waiting is limited where it is done, with a reason; this is for what hangs.
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    reporters: ["verbose"],
    sequence: { sequencer: Listed },
  });
  const failed = vitest.state.getCountOfFailedTests() + vitest.state.getUnhandledErrors().length;
  const modules = vitest.state.getTestModules();
  const ok = failed === 0 && modules.length === paths.length && modules.every((module) => module.ok());
  await vitest.close();
  return ok;
}
