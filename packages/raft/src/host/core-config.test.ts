import { describe, expect, it } from "vitest";
import type { LogReader } from "../core/log-reader.ts";
import { coreConfig } from "./core-config.ts";
import type { GroupOptions } from "./group-options.ts";
import { resolveHostOptions } from "./host-options.ts";
import { MemoryLog } from "./memory-log.ts";

const host = resolveHostOptions({
  cluster: "test",
  node: 1,
  incarnation: 1,
  log: new MemoryLog(),
  transport: { send: () => true },
  nodeOf: (replica) => replica,
  timing: { electionTicks: 40 },
});
const start = { reader: {} as LogReader, stateIndex: 0, applied: 0 };

function driftOf(options: Partial<GroupOptions>): number | undefined {
  const stateMachine = {} as GroupOptions["stateMachine"];
  return coreConfig(host, { group: 1, replica: 1, stateMachine, ...options }, start).maxClockDriftTicks;
}

describe("the core of a group", () => {
  it("takes the drift of clocks off a lease, as a share of the election timeout", () => {
    expect(driftOf({ readMode: "lease", maxClockDrift: 0.05 })).toBe(2);
    expect(driftOf({ readMode: "lease" })).toBe(4);
  });
});
