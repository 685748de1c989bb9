import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

/** Tests and the code under test run from source: no build is needed to run them. */
const sourceCondition = "@titan-kv/source";

// eslint-disable-next-line import/no-default-export -- vitest reads the default export
export default defineConfig({
  ssr: { resolve: { conditions: [sourceCondition, ...defaultServerConditions] } },
  test: {
    reporters: process.env["CI"] === undefined ? ["default"] : ["dot"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "packages/*/src/**/*.test.ts",
            "proto/src/**/*.test.ts",
            "scripts/**/*.test.ts",
            "bench/**/*.test.ts",
            "faults/{checks,nemesis,report,workload}/*.test.ts",
          ],
        },
      },
      {
        // Scenarios, crash images, simulations and whole processes: slower, so a longer limit.
        extends: true,
        test: {
          name: "scenario",
          include: ["packages/*/test/**/*.test.ts", "faults/test/**/*.test.ts", "fuzz/test/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
