// Seeds of the deterministic simulator. More of them: RAFT_SIM_SEEDS=5000 pnpm vitest packages/raft/test/core-simulation.test.ts
// One of them: pnpm --filter @titan-kv/raft sim --seed N --trace

import { describeFailure, simulate, simulateHosts } from "@titan-kv/raft/testing";
import { describe, expect, it } from "vitest";

const seeds = Number(process.env["RAFT_SIM_SEEDS"] ?? 120);
const first = Number(process.env["RAFT_SIM_FIRST"] ?? 1);
const timeoutMs = 60_000 + seeds * 500;

describe("the deterministic simulator", () => {
  it(`finds no violation in ${seeds} seeds from ${first}`, { timeout: timeoutMs }, () => {
    let elections = 0;
    let configurations = 0;
    let operations = 0;
    for (let seed = first; seed < first + seeds; seed += 1) {
      const result = simulate(seed);
      expect(result.violation === undefined ? "" : describeFailure(result)).toBe("");
      elections += result.elections;
      configurations += result.configurations;
      operations += result.operations.applied;
    }
    // What does not happen proves nothing.
    expect(elections).toBeGreaterThan(seeds * 2);
    expect(configurations).toBeGreaterThan(seeds / 2);
    expect(operations).toBeGreaterThan(seeds * 50);
  });

  it(
    "finds no violation with whole nodes: hosts, groups, logs in files",
    { timeout: timeoutMs },
    async () => {
      let elections = 0;
      let operations = 0;
      for (let seed = first; seed < first + seeds / 8; seed += 1) {
        const result = await simulateHosts(seed);
        expect(result.violation === undefined ? "" : describeFailure(result, { hosts: true })).toBe("");
        elections += result.elections;
        operations += result.operations.applied;
      }
      expect(elections).toBeGreaterThan(seeds / 4);
      expect(operations).toBeGreaterThan(seeds * 3);
    },
  );

  it("runs a seed the same way every time", { timeout: timeoutMs }, async () => {
    for (const seed of [3, 19, 42, 366]) {
      const [once, again] = [simulate(seed), simulate(seed)];
      expect(again.traceHash).toBe(once.traceHash);
      expect(again.events).toBe(once.events);
    }
    expect(simulate(4).traceHash).not.toBe(simulate(5).traceHash);
    for (const seed of [3, 7]) {
      const [once, again] = [await simulateHosts(seed), await simulateHosts(seed)];
      expect(again.traceHash).toBe(once.traceHash);
    }
  });
});
