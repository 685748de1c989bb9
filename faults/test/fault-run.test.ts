/** A short run of each group of faults, with a fixed seed; long ones: `pnpm faults --minutes 60`. */
import { expect, test } from "vitest";
import { runFaults } from "../fault-run.ts";

const roundMs = 10_000;

test.each([
  { faults: ["kill", "pause", "restart", "partition"], network: "auto" as const },
  { faults: ["power", "disk", "disk-full", "clock"], network: "auto" as const },
  // What needs no rights, so that it is tried everywhere.
  { faults: ["kill", "partition", "slow"], network: "proxies" as const },
])("nothing that was promised breaks under $faults", async ({ faults, network }) => {
  const lines: string[] = [];
  const { totals } = await runFaults({
    seed: 1,
    durationMs: roundMs,
    roundMs,
    nodes: 3,
    faults,
    network,
    isFast: true,
    print: (line) => lines.push(line),
  });
  const skipped = lines.filter((line) => line.startsWith("SKIPPED"));
  if (skipped.length > 0) console.warn(skipped.join("\n"));
  if (totals.violations > 0) console.error(lines.join("\n"));
  expect(totals.violations).toBe(0);
  const counts = Object.values(totals.operations);
  expect(counts.reduce((sum, { ok }) => sum + ok, 0)).toBeGreaterThan(300);
  expect(Object.values(totals.faults).length).toBeGreaterThan(0);
});
