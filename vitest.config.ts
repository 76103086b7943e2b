import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** A file for each core, and not one less as is the default: much of their time is waiting for programs that they have started. */
const WORKERS = Math.max(2, availableParallelism());

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/cluster/**", "test/load/**", "test/e2e/**"],
          maxWorkers: WORKERS,
          testTimeout: 30_000,
        },
      },
      {
        // Each file has a control plane of its own.
        test: {
          name: "cluster",
          include: ["test/cluster/**/*.test.ts"],
          maxWorkers: WORKERS,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        // So has each of these, and the machine for itself.
        test: {
          name: "load",
          include: ["test/load/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        // By itself each of these says that it is skipped; `npm run e2e` runs them (test/e2e/run-scenarios.ts).
        test: { name: "e2e", include: ["test/e2e/**/*.test.ts"] },
      },
    ],
  },
});
